/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config_value.h - between the files that read the configuration
 */
#ifndef UVMEM_CONFIG_VALUE_H
#define UVMEM_CONFIG_VALUE_H

#include "config.h"

const struct config_key *config_find_key(const char *section, const char *name);
bool config_is_section(const char *section);

/* 0, or -EINVAL with why; then nothing has changed. */
int config_set(const struct config_key *key, struct config *config, const char *value,
	       char *why, size_t room);

#endif
