// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * list.c - the guests that the module knows
 */
#include <errno.h>
#include <string.h>

#include "output.h"

static const struct output_column columns[] = {
	{ "id", "ID", OUTPUT_NUMBER },
	{ "name", "NAME", OUTPUT_TEXT },
	{ "uuid", "UUID", OUTPUT_TEXT },
	{ "pid", "PID", OUTPUT_NUMBER },
	{ "state", "STATE", OUTPUT_TEXT },
	{ "stop_reason", "STOPPED", OUTPUT_TEXT },
	{ "memory_bytes", "MEMORY", OUTPUT_BYTES },
	{ "resident_bytes", "RESIDENT", OUTPUT_BYTES },
	{ "paged_out_bytes", "OUT", OUTPUT_BYTES },
	{ "same_filled_bytes", "SAME-FILLED", OUTPUT_BYTES },
	{ "pooled_bytes", "POOLED", OUTPUT_BYTES },
	{ "sealed_pool_bytes", "IN-POOL", OUTPUT_BYTES },
	{ "shared_bytes", "SHARED", OUTPUT_BYTES },
};

static int add_guest(struct output *out, struct kernel *k, uint64_t id)
{
	struct host_process process;
	struct uvmem_vm_info info;
	cleanup_close int vm = k->ops->open_vm(k, id);
	int err;

	if (vm < 0)
		return vm;
	err = k->ops->vm_info(k, vm, &info);
	if (err)
		return err;
	ctl_guest_name(&info, &process);
	return output_row(out, (union output_cell[]){
		{ .number = id },
		{ .text = process.name },
		{ .text = *process.uuid ? process.uuid : NULL },
		{ .number = info.pid },
		{ .text = kernel_vm_state_name(info.state) },
		{ .text = info.stop_reason ? kernel_stop_reason_name(info.stop_reason) : NULL },
		{ .number = (info.registered_pages + info.detached_pages) << 12 },
		{ .number = info.frames << 12 },
		{ .number = info.pages[UVMEM_PAGE_OUT] << 12 },
		{ .number = info.pages[UVMEM_PAGE_ZERO] << 12 },
		{ .number = info.pages[UVMEM_PAGE_POOL] << 12 },
		{ .number = info.sealed_pool_bytes },
		{ .number = info.pages[UVMEM_PAGE_SHARED] << 12 },
	});
}

int cmd_list(struct ctl *ctl, int argc, char *argv[])
{
	cleanup_kernel struct kernel *k = NULL;
	cleanup_free uint64_t *ids = NULL;
	unsigned int nr = 0, i;
	struct output *out;
	int ret, err;

	ret = ctl_no_arguments(ctl, argc, argv);
	if (ret)
		return ret;
	ret = ctl_open_kernel(ctl, &k);
	if (ret)
		return ret;
	err = k->ops->list(k, &ids, &nr);
	if (err) {
		ctl_error(ctl, "cannot list: %s", strerror(-err));
		return CTL_FAILED;
	}
	out = output_new("guests", columns, ARRAY_LEN(columns));
	if (!out)
		return CTL_FAILED;
	for (i = 0; i < nr; i++) {
		err = add_guest(out, k, ids[i]);
		/* Guests may end while they are listed. */
		if (err && err != -ENOENT && err != -ESRCH) {
			ctl_error(ctl, "guest %llu: %s", (unsigned long long)ids[i],
				  err == -EPERM ? "only root may look at guests of others" :
				  strerror(-err));
			ret = err == -EPERM ? CTL_UNAVAILABLE : CTL_FAILED;
		}
	}
	err = output_print(out, ctl);
	return ret ? ret : err;
}
