/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * config.h - uvmemd.conf, its drop-ins, and what they say
 *
 * Theory of operation
 *	The main file is the first of /etc/kvm-uvmem/uvmemd.conf, /run/kvm-uvmem/...,
 *	/usr/lib/kvm-uvmem/...; then come the files of the uvmemd.conf.d folders
 *	beside them, in the order of their names, whatever folder they are in. Of files
 *	of the same name /etc's counts, then /run's; an empty one, or a link to
 *	/dev/null, turns it off. What comes later overrides.
 *	All of it is read into a structure of its own. If anything is wrong that is
 *	thrown away, with a list of what and where: a daemon that reloads keeps what
 *	it has.
 *
 *	[guest] are the settings of all guests, [guest NAME] or [guest UUID] of one.
 *	Every key is a line of one table, config_keys: parser, documentation test and
 *	"uvmemd --list-keys" go by it.
 */
#ifndef UVMEM_CONFIG_H
#define UVMEM_CONFIG_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "policy.h"
#include "push.h"

#define CONFIG_PATH	256
#define CONFIG_TEXT	64

/* What a [guest NAME] section or libvirt's metadata says, in the order it was said. */
struct config_assignment {
	char guest[CONFIG_TEXT];
	char key[CONFIG_TEXT];
	char value[CONFIG_TEXT];
	char where[CONFIG_PATH + 16];
};

/**
 * struct config - what is set
 * @round_ns: time between two rounds
 * @state_ns: time between two writings of the state
 * @dry_run: decide, explain and count, but do nothing
 * @textfile: metrics are written there as well, ""; no
 * @pool_limit: pages of secure memory that all guests may have, 0: leave it as it is
 * @sealed_pool: pages of memory that the sealed pool may take, 0: leave it as it is
 * @host: for the policies
 * @push: of ciphertext to swap
 * @guest: of guests that nothing else is said about
 * @assignments: @nr_assignments, of single guests
 */
struct config {
	uint64_t round_ns;
	uint64_t state_ns;
	bool dry_run;
	char textfile[CONFIG_PATH];
	uint64_t pool_limit;
	uint64_t sealed_pool;
	struct policy_host_settings host;
	struct push_settings push;
	struct policy_settings guest;
	struct config_assignment *assignments;
	unsigned int nr_assignments;
};

enum config_kind {
	CONFIG_SIZE,	/* to pages: bytes, or with K, M, G, T */
	CONFIG_LIMIT,	/* the same, or "none" */
	CONFIG_TIME,	/* to ns: seconds, or with ms, s, min, h */
	CONFIG_PERCENT,	/* to ppm: "0.2%" */
	CONFIG_NUMBER,
	CONFIG_BOOL,
	CONFIG_POLICY,
	CONFIG_FILE,
};

/**
 * struct config_key - one setting
 * @section: it belongs to
 * @name: of it
 * @kind: how it is written
 * @offset: in struct config
 * @size: of the field, 4 or 8 for numbers
 * @min: the least in the field's unit
 * @max: the most
 */
struct config_key {
	const char *section;
	const char *name;
	enum config_kind kind;
	size_t offset;
	size_t size;
	uint64_t min;
	uint64_t max;
};

extern const struct config_key config_keys[];
extern const size_t config_nr_keys;

/**
 * config_load() - read all files there are
 * @ret: replaced on success, and only then; config_free() it
 * @root: before all paths, "" but for tests
 * @complaints: "FILE:LINE: what" for everything that is wrong
 *
 * Return: 0, -EINVAL with complaints, or another negative errno.
 */
int config_load(struct config *ret, const char *root, FILE *complaints);

/* The same with one file and no drop-ins. */
int config_load_file(struct config *ret, const char *path, FILE *complaints);

void config_default(struct config *ret);
void config_free(struct config *config);

/**
 * config_guest() - the settings of one guest
 * @config: what was read
 * @name: of the guest, may be ""
 * @uuid: of the domain, may be ""
 * @metadata: assignments from elsewhere, weaker than the files' own; may be NULL
 * @ret: complete settings
 */
void config_guest(const struct config *config, const char *name, const char *uuid,
		  const struct config_assignment *metadata, unsigned int nr_metadata,
		  struct policy_settings *ret);

/**
 * config_assign() - append an assignment to a list
 * @list: of @nr, as in struct config; grows
 * @guest, @key, @value: each shorter than CONFIG_TEXT
 * @where: it was said, for people; cut if it is too long
 *
 * Return: 0; -ENOMEM, and the list is as it was.
 */
int config_assign(struct config_assignment **list, unsigned int *nr, const char *guest,
		  const char *key, const char *value, const char *where);

/* Is that a right value of that key of [guest]? 0 or -EINVAL, with why in @why. */
int config_check_guest_value(const char *key, const char *value, char *why, size_t room);

/* The value of a key as it would be written. */
void config_value_text(const struct config *config, const struct config_key *key, char *buf,
		       size_t room);

#endif
