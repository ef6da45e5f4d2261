// SPDX-License-Identifier: GPL-2.0-only
/*
 * stats.c - a VM's statistics as a file in KVM's binary layout
 *
 * Purpose
 *	header, id string, descriptors, data: Documentation/virt/kvm/api.rst,
 *	KVM_GET_STATS_FD. All but the data is made when the file is opened; the
 *	data is a snapshot taken at each read(), so that one pread() of the data
 *	block is as consistent as counters without a common lock can be.
 *	The file holds the VM's structure: after the VM has ended its last values
 *	can still be read.
 */
#include <linux/anon_inodes.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kvm.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "age.h"
#include "stall.h"

/* The data block. All u64: what a descriptor's offset and size count. */
struct stats_data {
	u64 state;
	u64 stop_reason;
	u64 pages[UVMEM_PAGE_NR_STATES];
	u64 registered_pages;
	u64 detached_pages;
	u64 frames;
	u64 max_frames;
	u64 metadata_bytes;
	u64 pool_bytes;
	u64 no_gain_pages;
	u64 page_in[UVMEM_NR_CAUSES];
	u64 page_out[UVMEM_NR_CAUSES];
	u64 skipped[UVMEM_NR_REASONS];
	u64 sealed;
	u64 unsealed;
	u64 same_filled;
	u64 pool_stored;
	u64 pool_loaded;
	u64 pool_incompressible;
	u64 pool_full;
	u64 pool_written_out;
	u64 integrity_failures;
	u64 shared;
	u64 unshared;
	u64 fault_around;
	u64 fault_around_used;
	u64 retries;
	u64 transit_waits;
	u64 dropped;
	u64 refault;
	u64 stall_some_ns;
	u64 stall_full_ns;
	u64 age_scanned;
	u64 age_young;
	u64 age_ns;
	u64 reclaim_scanned;
	u64 reclaim_moved;
	u64 reclaim_ns;
	u64 page_in_ns[UVMEM_NR_CAUSES][UVMEM_HIST_BUCKETS];
	u64 page_out_ns[UVMEM_NR_CAUSES][UVMEM_HIST_BUCKETS];
	u64 refault_ms[UVMEM_HIST_BUCKETS];
};

#define STAT(_name, _field, _size, _type, _unit, _exponent) {			\
	.name = _name,								\
	.offset = offsetof(struct stats_data, _field),				\
	.size = _size,								\
	.flags = KVM_STATS_TYPE_##_type | KVM_STATS_UNIT_##_unit |		\
		 KVM_STATS_BASE_POW10,						\
	.exponent = _exponent,							\
}

#define STAT_INSTANT(_name, _field)	STAT(_name, _field, 1, INSTANT, NONE, 0)
#define STAT_COUNTER(_name, _field)	STAT(_name, _field, 1, CUMULATIVE, NONE, 0)
#define STAT_TIME(_name, _field)	STAT(_name, _field, 1, CUMULATIVE, SECONDS, -9)
#define STAT_LATENCY(_name, _field)	\
	STAT(_name, _field, UVMEM_HIST_BUCKETS, LOG_HIST, SECONDS, -9)

static const struct kvm_stats_desc stats_desc[] = {
	STAT_INSTANT("state", state),
	STAT_INSTANT("stop_reason", stop_reason),

	/* UVMEM_PAGE_NONE is not a page's state */
	STAT_INSTANT("pages_normal", pages[UVMEM_PAGE_NORMAL]),
	STAT_INSTANT("pages_shared", pages[UVMEM_PAGE_SHARED]),
	STAT_INSTANT("pages_absent", pages[UVMEM_PAGE_ABSENT]),
	STAT_INSTANT("pages_in", pages[UVMEM_PAGE_IN]),
	STAT_INSTANT("pages_out", pages[UVMEM_PAGE_OUT]),
	STAT_INSTANT("pages_zero", pages[UVMEM_PAGE_ZERO]),
	STAT_INSTANT("pages_lost", pages[UVMEM_PAGE_LOST]),
	STAT_INSTANT("pages_pool", pages[UVMEM_PAGE_POOL]),
	STAT_INSTANT("registered_pages", registered_pages),
	STAT_INSTANT("detached_pages", detached_pages),
	STAT_INSTANT("frames", frames),
	STAT_INSTANT("max_frames", max_frames),
	STAT("metadata_bytes", metadata_bytes, 1, INSTANT, BYTES, 0),
	STAT("pool_bytes", pool_bytes, 1, INSTANT, BYTES, 0),
	STAT_INSTANT("no_gain_pages", no_gain_pages),

	STAT_COUNTER("page_in_guest_fault", page_in[UVMEM_CAUSE_GUEST_FAULT]),
	STAT_COUNTER("page_in_hypercall", page_in[UVMEM_CAUSE_HYPERCALL]),
	STAT_COUNTER("page_in_host_touch", page_in[UVMEM_CAUSE_HOST_TOUCH]),
	STAT_COUNTER("page_in_reclaim", page_in[UVMEM_CAUSE_RECLAIM]),
	STAT_COUNTER("page_in_prefetch", page_in[UVMEM_CAUSE_PREFETCH]),
	STAT_COUNTER("page_in_teardown", page_in[UVMEM_CAUSE_TEARDOWN]),
	STAT_COUNTER("page_in_kernel", page_in[UVMEM_CAUSE_KERNEL]),

	STAT_COUNTER("page_out_guest_fault", page_out[UVMEM_CAUSE_GUEST_FAULT]),
	STAT_COUNTER("page_out_hypercall", page_out[UVMEM_CAUSE_HYPERCALL]),
	STAT_COUNTER("page_out_host_touch", page_out[UVMEM_CAUSE_HOST_TOUCH]),
	STAT_COUNTER("page_out_reclaim", page_out[UVMEM_CAUSE_RECLAIM]),
	STAT_COUNTER("page_out_prefetch", page_out[UVMEM_CAUSE_PREFETCH]),
	STAT_COUNTER("page_out_teardown", page_out[UVMEM_CAUSE_TEARDOWN]),
	STAT_COUNTER("page_out_kernel", page_out[UVMEM_CAUSE_KERNEL]),

	STAT_LATENCY("page_in_latency_guest_fault", page_in_ns[UVMEM_CAUSE_GUEST_FAULT]),
	STAT_LATENCY("page_in_latency_hypercall", page_in_ns[UVMEM_CAUSE_HYPERCALL]),
	STAT_LATENCY("page_in_latency_host_touch", page_in_ns[UVMEM_CAUSE_HOST_TOUCH]),
	STAT_LATENCY("page_in_latency_reclaim", page_in_ns[UVMEM_CAUSE_RECLAIM]),
	STAT_LATENCY("page_in_latency_prefetch", page_in_ns[UVMEM_CAUSE_PREFETCH]),
	STAT_LATENCY("page_in_latency_teardown", page_in_ns[UVMEM_CAUSE_TEARDOWN]),
	STAT_LATENCY("page_in_latency_kernel", page_in_ns[UVMEM_CAUSE_KERNEL]),

	STAT_LATENCY("page_out_latency_guest_fault", page_out_ns[UVMEM_CAUSE_GUEST_FAULT]),
	STAT_LATENCY("page_out_latency_hypercall", page_out_ns[UVMEM_CAUSE_HYPERCALL]),
	STAT_LATENCY("page_out_latency_host_touch", page_out_ns[UVMEM_CAUSE_HOST_TOUCH]),
	STAT_LATENCY("page_out_latency_reclaim", page_out_ns[UVMEM_CAUSE_RECLAIM]),
	STAT_LATENCY("page_out_latency_prefetch", page_out_ns[UVMEM_CAUSE_PREFETCH]),
	STAT_LATENCY("page_out_latency_teardown", page_out_ns[UVMEM_CAUSE_TEARDOWN]),
	STAT_LATENCY("page_out_latency_kernel", page_out_ns[UVMEM_CAUSE_KERNEL]),

	STAT_COUNTER("skipped_pinned", skipped[UVMEM_REASON_PINNED]),
	STAT_COUNTER("skipped_raced", skipped[UVMEM_REASON_RACED]),
	STAT_COUNTER("skipped_busy", skipped[UVMEM_REASON_BUSY]),
	STAT_COUNTER("skipped_no_frame", skipped[UVMEM_REASON_NO_FRAME]),
	STAT_COUNTER("skipped_no_memory", skipped[UVMEM_REASON_NO_MEMORY]),
	STAT_COUNTER("skipped_foreign", skipped[UVMEM_REASON_FOREIGN]),
	STAT_COUNTER("skipped_not_anon", skipped[UVMEM_REASON_NOT_ANON]),
	STAT_COUNTER("skipped_young", skipped[UVMEM_REASON_YOUNG]),
	STAT_COUNTER("skipped_state", skipped[UVMEM_REASON_STATE]),
	STAT_COUNTER("skipped_no_gain", skipped[UVMEM_REASON_NO_GAIN]),

	STAT_COUNTER("sealed", sealed),
	STAT_COUNTER("unsealed", unsealed),
	STAT_COUNTER("same_filled", same_filled),
	STAT_COUNTER("pool_stored", pool_stored),
	STAT_COUNTER("pool_loaded", pool_loaded),
	STAT_COUNTER("pool_incompressible", pool_incompressible),
	STAT_COUNTER("pool_full", pool_full),
	STAT_COUNTER("pool_written_out", pool_written_out),
	STAT_COUNTER("integrity_failures", integrity_failures),
	STAT_COUNTER("shared", shared),
	STAT_COUNTER("unshared", unshared),
	STAT_COUNTER("fault_around", fault_around),
	STAT_COUNTER("fault_around_used", fault_around_used),
	STAT_COUNTER("retries", retries),
	STAT_COUNTER("transit_waits", transit_waits),
	STAT_COUNTER("dropped", dropped),
	STAT_COUNTER("refault", refault),
	STAT("refault_distance", refault_ms, UVMEM_HIST_BUCKETS, LOG_HIST, SECONDS, -3),
	STAT_TIME("stall_some_ns", stall_some_ns),
	STAT_TIME("stall_full_ns", stall_full_ns),
	STAT_COUNTER("age_scanned", age_scanned),
	STAT_COUNTER("age_young", age_young),
	STAT_TIME("age_ns", age_ns),
	STAT_COUNTER("reclaim_scanned", reclaim_scanned),
	STAT_COUNTER("reclaim_moved", reclaim_moved),
	STAT_TIME("reclaim_ns", reclaim_ns),
};

/* Whoever adds a state, cause, reason or counter meets the table here. */
static_assert(UVMEM_PAGE_NR_STATES == 9);
static_assert(UVMEM_NR_CAUSES == 7);
static_assert(UVMEM_NR_REASONS == 10);
static_assert(ARRAY_SIZE(stats_desc) == 2 + (UVMEM_PAGE_NR_STATES - 1) + 7 +
	      4 * UVMEM_NR_CAUSES + UVMEM_NR_REASONS + 26);
static_assert(sizeof(struct uvmem_stats) ==
	      sizeof(u64) * (2 * UVMEM_NR_CAUSES * (1 + UVMEM_HIST_BUCKETS) +
			     UVMEM_NR_REASONS + 23 + UVMEM_HIST_BUCKETS));

/* The whole file. */
struct stats_image {
	struct kvm_stats_header header;
	char id[KVM_STATS_NAME_SIZE];
	struct kvm_stats_desc desc[ARRAY_SIZE(stats_desc)];
	struct stats_data data;
};

static_assert(offsetof(struct stats_image, desc) % sizeof(u64) == 0);
static_assert(offsetof(struct stats_image, data) ==
	      offsetofend(struct stats_image, desc));

struct stats_file {
	struct uvmem_vm *vm;
	struct mutex lock;	/* of the snapshot in image.data */
	struct stats_image image;
};

static void copy_counters(u64 *dst, const atomic64_t *src, unsigned int nr)
{
	while (nr--)
		*dst++ = atomic64_read(src++);
}

static void stats_snapshot(struct uvmem_vm *vm, struct stats_data *data)
{
	const struct uvmem_stats *stats = &vm->stats;
	struct uvmem_vm_info info = {};

	uvmem_vm_info(vm, &info);
	data->state = info.state;
	data->stop_reason = info.stop_reason;
	memcpy(data->pages, info.pages, sizeof(data->pages));
	data->registered_pages = info.registered_pages;
	data->detached_pages = info.detached_pages;
	data->frames = info.frames;
	data->max_frames = info.max_frames;
	data->metadata_bytes = info.metadata_bytes;
	data->pool_bytes = info.sealed_pool_bytes;
	data->no_gain_pages = uvmem_no_gain_pages(vm);

	copy_counters(data->page_in, stats->page_in, UVMEM_NR_CAUSES);
	copy_counters(data->page_out, stats->page_out, UVMEM_NR_CAUSES);
	copy_counters(data->skipped, stats->skipped, UVMEM_NR_REASONS);
	copy_counters(data->page_in_ns[0], stats->page_in_ns[0],
		      UVMEM_NR_CAUSES * UVMEM_HIST_BUCKETS);
	copy_counters(data->page_out_ns[0], stats->page_out_ns[0],
		      UVMEM_NR_CAUSES * UVMEM_HIST_BUCKETS);

	data->sealed = atomic64_read(&stats->sealed);
	data->unsealed = atomic64_read(&stats->unsealed);
	data->same_filled = atomic64_read(&stats->same_filled);
	data->pool_stored = atomic64_read(&stats->pool_stored);
	data->pool_loaded = atomic64_read(&stats->pool_loaded);
	data->pool_incompressible = atomic64_read(&stats->pool_incompressible);
	data->pool_full = atomic64_read(&stats->pool_full);
	data->pool_written_out = atomic64_read(&stats->pool_written_out);
	data->integrity_failures = atomic64_read(&stats->integrity_failures);
	data->shared = atomic64_read(&stats->shared);
	data->unshared = atomic64_read(&stats->unshared);
	data->fault_around = atomic64_read(&stats->fault_around);
	data->fault_around_used = atomic64_read(&stats->fault_around_used);
	data->retries = atomic64_read(&stats->retries);
	data->transit_waits = atomic64_read(&stats->transit_waits);
	data->dropped = atomic64_read(&stats->dropped);
	data->refault = atomic64_read(&stats->refault);
	copy_counters(data->refault_ms, stats->refault_ms, UVMEM_HIST_BUCKETS);
	uvmem_stall_read(vm, &data->stall_some_ns, &data->stall_full_ns);
	data->age_scanned = atomic64_read(&stats->age_scanned);
	data->age_young = atomic64_read(&stats->age_young);
	data->age_ns = atomic64_read(&stats->age_ns);
	data->reclaim_scanned = atomic64_read(&stats->reclaim_scanned);
	data->reclaim_moved = atomic64_read(&stats->reclaim_moved);
	data->reclaim_ns = atomic64_read(&stats->reclaim_ns);
}

static ssize_t stats_read(struct file *file, char __user *buf, size_t len, loff_t *pos)
{
	struct stats_file *sf = file->private_data;
	int ret;

	ret = mutex_lock_interruptible(&sf->lock);
	if (ret)
		return ret;
	stats_snapshot(sf->vm, &sf->image.data);
	len = simple_read_from_buffer(buf, len, pos, &sf->image, sizeof(sf->image));
	mutex_unlock(&sf->lock);
	return len;
}

static int stats_release(struct inode *inode, struct file *file)
{
	struct stats_file *sf = file->private_data;

	uvmem_vm_put(sf->vm);
	kvfree(sf);
	return 0;
}

static const struct file_operations stats_fops = {
	.owner		= THIS_MODULE,
	.release	= stats_release,
	.read		= stats_read,
	.llseek		= noop_llseek,
};

int uvmem_stats_fd(struct uvmem_vm *vm)
{
	struct stats_file *sf;

	sf = kvzalloc_obj(*sf, GFP_KERNEL_ACCOUNT);
	if (!sf)
		return -ENOMEM;

	mutex_init(&sf->lock);
	sf->image.header = (struct kvm_stats_header) {
		.name_size	= KVM_STATS_NAME_SIZE,
		.num_desc	= ARRAY_SIZE(stats_desc),
		.id_offset	= offsetof(struct stats_image, id),
		.desc_offset	= offsetof(struct stats_image, desc),
		.data_offset	= offsetof(struct stats_image, data),
	};
	snprintf(sf->image.id, sizeof(sf->image.id), "kvm-uvmem-%llu", vm->id);
	memcpy(sf->image.desc, stats_desc, sizeof(stats_desc));

	FD_PREPARE(fdf, O_CLOEXEC,
		   anon_inode_getfile_fmode("kvm-uvmem-stats", &stats_fops, sf,
					    O_RDONLY, FMODE_PREAD));
	if (fdf.err) {
		/* There is no file that would free it. */
		kvfree(sf);
		return fdf.err;
	}
	sf->vm = uvmem_vm_get(vm);
	return fd_publish(fdf);
}
