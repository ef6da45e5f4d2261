// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * status.c - the module and the host's secure memory
 */
#include <inttypes.h>
#include <string.h>

#include "output.h"

static const struct output_column columns[] = {
	{ "api_version", "API version", OUTPUT_NUMBER },
	{ "capabilities", "Capabilities", OUTPUT_TEXT },
	{ "guests", "Guests", OUTPUT_NUMBER },
	{ "pool_limit_bytes", "Secure memory, limit", OUTPUT_BYTES },
	{ "pool_used_bytes", "Secure memory, in use", OUTPUT_BYTES },
	{ "pool_used_ratio", "Secure memory, share", OUTPUT_RATIO },
	{ "pool_peak_bytes", "Secure memory, peak", OUTPUT_BYTES },
	{ "paged_out_bytes", "Paged out, ciphertext", OUTPUT_BYTES },
	{ "pooled_bytes", "Paged out, sealed pool", OUTPUT_BYTES },
	{ "sealed_pool_limit_bytes", "Sealed pool, limit", OUTPUT_BYTES },
	{ "sealed_pool_used_bytes", "Sealed pool, in use", OUTPUT_BYTES },
	{ "metadata_bytes", "Metadata", OUTPUT_BYTES },
	{ "handles_used", "Handles in use", OUTPUT_NUMBER },
	{ "handles_husk", "Handles left behind", OUTPUT_NUMBER },
	{ "keys", "Keys in memory", OUTPUT_NUMBER },
};

static const char *const capabilities[] = {
	"paging", "same-filled", "events", "stats", "huge", "arm-new", "sev",
	"aging", "limits", "sealed-pool", "stall-triggers", "find",
	"no-ciphertext",
};

/* Bits that this program does not know are shown by their number. */
static void capability_names(char *buf, size_t room, uint64_t bits)
{
	size_t at = 0;
	unsigned int i;

	buf[0] = '\0';
	for (i = 0; i < 64 && at + 20 < room; i++) {
		if (!(bits >> i & 1))
			continue;
		if (i < ARRAY_LEN(capabilities))
			at += snprintf(buf + at, room - at, "%s%s", at ? " " : "", capabilities[i]);
		else
			at += snprintf(buf + at, room - at, "%sbit%u", at ? " " : "", i);
	}
}

int cmd_status(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_kernel struct kernel *k = NULL;
	struct uvmem_info info;
	struct uvmem_pool pool;
	struct output *out;
	char caps[512];
	int ret, err;

	ret = ctl_no_arguments(ctl, argc, argv);
	if (ret)
		return ret;
	ret = ctl_open_kernel(ctl, &k);
	if (ret)
		return ret;
	err = k->ops->info(k, &info);
	if (!err)
		err = k->ops->pool(k, &pool);
	if (err) {
		ctl_error(ctl, "cannot ask the module: %s", strerror(-err));
		return CTL_FAILED;
	}
	capability_names(caps, sizeof(caps), info.capabilities);
	out = output_new("status", columns, ARRAY_LEN(columns));
	if (!out)
		return CTL_FAILED;
	err = output_row(out, (union output_cell[]){
		{ .number = info.api_version },
		{ .text = caps },
		{ .number = pool.vms },
		{ .number = pool.frames_limit << 12 },
		{ .number = pool.frames_used << 12 },
		{ .number = pool.frames_limit ? pool.frames_used * 1000 / pool.frames_limit : 0 },
		{ .number = pool.frames_peak << 12 },
		{ .number = pool.seals << 12 },
		{ .number = pool.sealed_pool_pages << 12 },
		{ .number = pool.sealed_pool_limit },
		{ .number = pool.sealed_pool_used },
		{ .number = pool.metadata_bytes },
		{ .number = pool.handles_used },
		{ .number = pool.handles_husk },
		{ .number = pool.keys },
	});
	return err ? CTL_FAILED : output_print_one(out, ctl);
}
