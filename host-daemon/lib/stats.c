// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * stats.c - KVM's binary statistics: Documentation/virt/kvm/api.rst, KVM_GET_STATS_FD
 *
 * The file is the kernel's, yet offsets and sizes are checked: a wrong one must not
 * read past a buffer.
 */
#include <errno.h>
#include <string.h>

#include <linux/kvm.h>

#include "cleanup.h"
#include "stats.h"

#define MAX_DESCRIPTORS	4096
#define MAX_NAME	256
#define MAX_DATA	(1 << 20)

/* @next: where the last search ended */
struct stats {
	uint32_t nr;
	uint32_t next;
	size_t desc_size;
	char *desc;
	uint64_t data_offset;
	size_t data_size;
	uint64_t *data;
};

static const struct kvm_stats_desc *descriptor(const struct stats *stats, uint32_t i)
{
	return (const struct kvm_stats_desc *)(stats->desc + i * stats->desc_size);
}

static int read_all(int fd, void *buf, size_t size, uint64_t offset)
{
	ssize_t n = pread(fd, buf, size, (off_t)offset);

	if (n < 0)
		return -errno;
	return (size_t)n == size ? 0 : -EBADMSG;
}

void stats_free(struct stats *stats)
{
	if (!stats)
		return;
	free(stats->desc);
	free(stats->data);
	free(stats);
}

static int check(struct stats *stats, uint32_t name_size)
{
	uint32_t i;

	for (i = 0; i < stats->nr; i++) {
		const struct kvm_stats_desc *desc = descriptor(stats, i);
		uint64_t end = desc->offset + desc->size * sizeof(uint64_t);

		if (!memchr(desc->name, '\0', name_size) || desc->offset % sizeof(uint64_t) ||
		    end > MAX_DATA)
			return -EBADMSG;
		if (end > stats->data_size)
			stats->data_size = end;
	}
	return 0;
}

int stats_new(int fd, struct stats **ret)
{
	struct kvm_stats_header header;
	struct stats *stats;
	int err;

	err = read_all(fd, &header, sizeof(header), 0);
	if (err)
		return err;
	if (!header.num_desc || header.num_desc > MAX_DESCRIPTORS || !header.name_size ||
	    header.name_size > MAX_NAME || header.name_size % sizeof(uint64_t))
		return -EBADMSG;
	stats = calloc(1, sizeof(*stats));
	if (!stats)
		return -ENOMEM;
	stats->nr = header.num_desc;
	stats->desc_size = sizeof(struct kvm_stats_desc) + header.name_size;
	stats->data_offset = header.data_offset;
	stats->desc = malloc(stats->nr * stats->desc_size);
	err = stats->desc ? read_all(fd, stats->desc, stats->nr * stats->desc_size,
				     header.desc_offset) : -ENOMEM;
	if (!err)
		err = check(stats, header.name_size);
	if (!err) {
		stats->data = calloc(1, stats->data_size ? stats->data_size : 1);
		err = stats->data ? stats_snapshot(stats, fd) : -ENOMEM;
	}
	if (err) {
		stats_free(stats);
		return err;
	}
	*ret = stats;
	return 0;
}

int stats_snapshot(struct stats *stats, int fd)
{
	cleanup_free uint64_t *data = malloc(stats->data_size ? stats->data_size : 1);
	int err;

	if (!data)
		return -ENOMEM;
	err = read_all(fd, data, stats->data_size, stats->data_offset);
	if (!err)
		memcpy(stats->data, data, stats->data_size);
	return err;
}

/* Who asks for all of them asks in the order of the file: the next is mostly the one. */
static const struct kvm_stats_desc *find(struct stats *stats, const char *name)
{
	uint32_t i, at = stats->next;

	for (i = 0; i < stats->nr; i++, at++) {
		if (at >= stats->nr)
			at = 0;
		if (!strcmp(descriptor(stats, at)->name, name)) {
			stats->next = at + 1;
			return descriptor(stats, at);
		}
	}
	return NULL;
}

int stats_value(struct stats *stats, const char *name, uint64_t *ret)
{
	return stats_array(stats, name, ret, 1) > 0 ? 0 : -ENOENT;
}

int stats_array(struct stats *stats, const char *name, uint64_t *ret, size_t room)
{
	const struct kvm_stats_desc *desc = find(stats, name);
	size_t n;

	if (!desc)
		return -ENOENT;
	n = desc->size < room ? desc->size : room;
	memcpy(ret, stats->data + desc->offset / sizeof(uint64_t), n * sizeof(uint64_t));
	return (int)n;
}
