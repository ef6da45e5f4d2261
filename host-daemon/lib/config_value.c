// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * config_value.c - the settings there are, and what may stand behind them
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>
#include <strings.h>

#include "cleanup.h"
#include "config_value.h"

#define KEY(_section, _name, _kind, _field, _min, _max)				\
	{ _section, _name, CONFIG_##_kind, offsetof(struct config, _field),	\
	  sizeof(((struct config *)0)->_field), _min, _max }

#define PAGES_MAX	(UINT64_C(1) << 40)
#define SEC		POLICY_NSEC

const struct config_key config_keys[] = {
	KEY("daemon", "interval", TIME, round_ns, SEC / 10, 60 * SEC),
	KEY("daemon", "aging_interval", TIME, host.age_pass_ns, SEC, 3600 * SEC),
	KEY("daemon", "state_interval", TIME, state_ns, SEC, 3600 * SEC),
	KEY("daemon", "dry_run", BOOL, dry_run, 0, 1),
	KEY("daemon", "metrics_textfile", FILE, textfile, 0, 0),
	KEY("pool", "limit", SIZE, pool_limit, 0, PAGES_MAX),
	KEY("pool", "sealed", SIZE, sealed_pool, 0, PAGES_MAX),
	KEY("pool", "high", PERCENT, host.pool_high_ppm, 10000, 1000000),
	KEY("pool", "low", PERCENT, host.pool_low_ppm, 10000, 1000000),
	KEY("pool", "idle_tax", PERCENT, host.idle_tax_ppm, 0, 990000),
	KEY("pool", "sink_reserve", SIZE, host.sink_reserve, 0, PAGES_MAX),
	KEY("quota", "rate", SIZE, host.quota_pages, 0, PAGES_MAX),
	KEY("quota", "cpu", TIME, host.quota_cpu_ns, 0, 1024 * SEC),
	KEY("swap", "push", BOOL, push.on, 0, 1),
	KEY("swap", "rate", SIZE, push.quota_pages, 0, PAGES_MAX),
	KEY("swap", "reserve", SIZE, push.reserve, 0, PAGES_MAX),
	KEY("guest", "policy", POLICY, guest.kind, 0, 0),
	KEY("guest", "min", SIZE, guest.limits.min, 0, PAGES_MAX),
	KEY("guest", "low", SIZE, guest.limits.low, 0, PAGES_MAX),
	KEY("guest", "high", LIMIT, guest.limits.high, 1, PAGES_MAX),
	KEY("guest", "max", LIMIT, guest.limits.max, 1, PAGES_MAX),
	KEY("guest", "weight", NUMBER, guest.weight, 1, POLICY_WEIGHT_MAX),
	KEY("guest", "refault", PERCENT, guest.refault_ppm, 0, 1000000),
	KEY("guest", "stall", PERCENT, guest.stall_ppm, 0, 1000000),
	KEY("guest", "probe", PERCENT, guest.probe_ppm, 1, 1000000),
	KEY("guest", "prefetch", PERCENT, guest.prefetch_ppm, 0, 1000000),
	KEY("guest", "cold_age", TIME, guest.cold_age_ns, SEC, 24 * 3600 * SEC),
};

const size_t config_nr_keys = ARRAY_LEN(config_keys);

void config_default(struct config *ret)
{
	*ret = (struct config){
		.round_ns = 5 * SEC,
		.state_ns = 60 * SEC,
		.host = policy_default_host_settings,
		.push = push_default_settings,
		.guest = policy_default_settings,
	};
}

void config_free(struct config *config)
{
	free(config->assignments);
	config->assignments = NULL;
	config->nr_assignments = 0;
}

const struct config_key *config_find_key(const char *section, const char *name)
{
	size_t i;

	for (i = 0; i < config_nr_keys; i++)
		if (!strcmp(config_keys[i].section, section) && !strcmp(config_keys[i].name, name))
			return &config_keys[i];
	return NULL;
}

bool config_is_section(const char *section)
{
	size_t i;

	for (i = 0; i < config_nr_keys; i++)
		if (!strcmp(config_keys[i].section, section))
			return true;
	return false;
}

/* A decimal fraction without exponents, signs and other surprises of strtod(). */
static bool decimal(const char *text, const char **ret_rest, double *ret)
{
	size_t n = strspn(text, "0123456789");
	char *end;

	if (!n || n > 18)
		return false;
	if (text[n] == '.') {
		size_t m = strspn(text + n + 1, "0123456789");

		if (!m || m > 9)
			return false;
	}
	*ret = strtod(text, &end);
	/* "1e3" is 1 with a rest. */
	if (end > text + n && text[n] != '.')
		return false;
	*ret_rest = end + strspn(end, " \t");
	return true;
}

struct suffix {
	const char *text;
	double factor;
};

static const struct suffix sizes[] = {
	{ "", 1.0 / 4096 }, { "B", 1.0 / 4096 }, { "K", 0.25 },
	{ "M", 1 << 8 }, { "G", 1 << 18 }, { "T", 1 << 28 }, { }
};

static const struct suffix times[] = {
	{ "", 1e9 }, { "us", 1e3 }, { "ms", 1e6 }, { "s", 1e9 }, { "min", 60e9 },
	{ "h", 3600e9 }, { }
};

static const struct suffix percents[] = { { "%", 1e4 }, { } };

static bool quantity(const char *value, const struct suffix *suffix, uint64_t *ret)
{
	const char *rest;
	double number;

	if (!decimal(value, &rest, &number))
		return false;
	for (; suffix->text; suffix++) {
		if (strcmp(rest, suffix->text))
			continue;
		number *= suffix->factor;
		if (number > 1.8e19)
			return false;
		/* The nearest: 0.2 % are 2000 ppm though 0.2 is no binary fraction. */
		*ret = (uint64_t)(number + 0.5);
		return true;
	}
	return false;
}

static const char *expected(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_SIZE:
		return "a size, such as 512M or 1.5G";
	case CONFIG_LIMIT:
		return "a size, such as 512M or 1.5G, or 'none'";
	case CONFIG_TIME:
		return "a time, such as 100ms, 5s or 2min";
	case CONFIG_PERCENT:
		return "a percentage, such as 0.2%";
	case CONFIG_NUMBER:
		return "a whole number";
	case CONFIG_BOOL:
		return "yes or no";
	case CONFIG_POLICY:
		return "static, watermark or proactive";
	case CONFIG_FILE:
		break;
	}
	return "an absolute path of at most 255 bytes";
}

static bool parse(const struct config_key *key, const char *value, uint64_t *ret)
{
	int kind;

	switch (key->kind) {
	case CONFIG_LIMIT:
		if (!strcmp(value, "none")) {
			*ret = POLICY_NO_LIMIT;
			return true;
		}
		return quantity(value, sizes, ret);
	case CONFIG_SIZE:
		return quantity(value, sizes, ret);
	case CONFIG_TIME:
		return quantity(value, times, ret);
	case CONFIG_PERCENT:
		return quantity(value, percents, ret);
	case CONFIG_NUMBER:
		if (!*value || strspn(value, "0123456789") != strlen(value) || strlen(value) > 18)
			return false;
		*ret = strtoull(value, NULL, 10);
		return true;
	case CONFIG_BOOL:
		*ret = !strcasecmp(value, "yes") || !strcasecmp(value, "true") ||
			!strcmp(value, "1") || !strcasecmp(value, "on");
		return *ret || !strcasecmp(value, "no") || !strcasecmp(value, "false") ||
			!strcmp(value, "0") || !strcasecmp(value, "off");
	case CONFIG_POLICY:
		kind = policy_kind_parse(value);
		*ret = (uint64_t)kind;
		return kind >= 0;
	case CONFIG_FILE:
		break;
	}
	return false;
}

static void format_value(const struct config_key *key, uint64_t value, char *buf, size_t room)
{
	switch (key->kind) {
	case CONFIG_LIMIT:
	case CONFIG_SIZE:
		if (value == POLICY_NO_LIMIT)
			snprintf(buf, room, "none");
		else if (value && value % (1 << 18) == 0)
			snprintf(buf, room, "%" PRIu64 "G", value >> 18);
		else if (value && value % (1 << 8) == 0)
			snprintf(buf, room, "%" PRIu64 "M", value >> 8);
		else
			snprintf(buf, room, "%" PRIu64 "K", value * 4);
		break;
	case CONFIG_TIME:
		if (value % 1000000 == 0 && value % SEC)
			snprintf(buf, room, "%" PRIu64 "ms", value / 1000000);
		else
			snprintf(buf, room, "%" PRIu64 "s", value / SEC);
		break;
	case CONFIG_PERCENT:
		snprintf(buf, room, "%g%%", value / 1e4);
		break;
	case CONFIG_BOOL:
		snprintf(buf, room, "%s", value ? "yes" : "no");
		break;
	case CONFIG_POLICY:
		snprintf(buf, room, "%s", policy_kind_name((enum policy_kind)value));
		break;
	default:
		snprintf(buf, room, "%" PRIu64, value);
	}
}

static void store(const struct config_key *key, struct config *config, uint64_t value)
{
	void *field = (char *)config + key->offset;
	uint32_t value32 = (uint32_t)value;
	bool flag = value;

	if (key->size == sizeof(value))
		memcpy(field, &value, sizeof(value));
	else if (key->size == sizeof(value32))
		memcpy(field, &value32, sizeof(value32));
	else
		memcpy(field, &flag, sizeof(flag));
}

static uint64_t fetch(const struct config_key *key, const struct config *config)
{
	const void *field = (const char *)config + key->offset;
	uint64_t value;
	uint32_t value32;
	bool flag;

	if (key->size == sizeof(value)) {
		memcpy(&value, field, sizeof(value));
		return value;
	}
	if (key->size == sizeof(value32)) {
		memcpy(&value32, field, sizeof(value32));
		return value32;
	}
	memcpy(&flag, field, sizeof(flag));
	return flag;
}

int config_set(const struct config_key *key, struct config *config, const char *value,
	       char *why, size_t room)
{
	uint64_t number = 0;

	if (key->kind == CONFIG_FILE) {
		if (strlen(value) >= key->size || (*value && *value != '/')) {
			snprintf(why, room, "%s: '%.40s' is not %s", key->name, value,
				 expected(key->kind));
			return -EINVAL;
		}
		strcpy((char *)config + key->offset, value);
		return 0;
	}
	if (!parse(key, value, &number)) {
		snprintf(why, room, "%s: '%.40s' is not %s", key->name, value,
			 expected(key->kind));
		return -EINVAL;
	}
	if (key->kind != CONFIG_POLICY && key->kind != CONFIG_BOOL &&
	    (number < key->min || number > key->max) &&
	    !(key->kind == CONFIG_LIMIT && number == POLICY_NO_LIMIT)) {
		char least[32], most[32];

		format_value(key, key->min, least, sizeof(least));
		format_value(key, key->max, most, sizeof(most));
		snprintf(why, room, "%s: %.40s is not from %s to %s", key->name, value, least, most);
		return -EINVAL;
	}
	store(key, config, number);
	return 0;
}

void config_value_text(const struct config *config, const struct config_key *key, char *buf,
		       size_t room)
{
	if (key->kind == CONFIG_FILE)
		snprintf(buf, room, "%s", (const char *)config + key->offset);
	else
		format_value(key, fetch(key, config), buf, room);
}

int config_check_guest_value(const char *key, const char *value, char *why, size_t room)
{
	const struct config_key *k = config_find_key("guest", key);
	struct config scratch;

	if (!k) {
		snprintf(why, room, "a guest has no setting '%.40s'", key);
		return -EINVAL;
	}
	config_default(&scratch);
	return config_set(k, &scratch, value, why, room);
}

static void apply(struct config *scratch, const struct config_assignment *assignment)
{
	const struct config_key *key = config_find_key("guest", assignment->key);
	char why[128];

	if (key)
		config_set(key, scratch, assignment->value, why, sizeof(why));
}

void config_guest(const struct config *config, const char *name, const char *uuid,
		  const struct config_assignment *metadata, unsigned int nr_metadata,
		  struct policy_settings *ret)
{
	struct config scratch = { .guest = config->guest };
	struct policy_limits *limits = &scratch.guest.limits;
	unsigned int i;

	for (i = 0; i < nr_metadata; i++)
		apply(&scratch, &metadata[i]);
	for (i = 0; i < config->nr_assignments; i++) {
		const struct config_assignment *a = &config->assignments[i];

		if ((*name && !strcmp(a->guest, name)) || (*uuid && !strcasecmp(a->guest, uuid)))
			apply(&scratch, a);
	}
	/*
	 * Each source alone is in order, together they may not be. A guarantee weighs more
	 * than a wish to save, and max more than all.
	 */
	if (limits->low > limits->max)
		limits->low = limits->max;
	if (limits->min > limits->low)
		limits->low = limits->min < limits->max ? limits->min : limits->max;
	if (limits->min > limits->low)
		limits->min = limits->low;
	if (limits->high < limits->low)
		limits->high = limits->low;
	if (limits->high > limits->max && limits->high != POLICY_NO_LIMIT)
		limits->high = limits->max;
	*ret = scratch.guest;
}
