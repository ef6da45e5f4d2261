// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * The reader of KVM's binary statistics: right files are read, no file does harm
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <linux/kvm.h>

#include "unit.h"
#include "stats.h"

#define NR	3
#define NAME	16

struct image {
	struct kvm_stats_header header;
	struct {
		struct kvm_stats_desc desc;
		char name[NAME];
	} desc[NR];
	uint64_t data[2 + 4];
};

static const struct image good = {
	.header = {
		.name_size = NAME, .num_desc = NR, .desc_offset = offsetof(struct image, desc),
		.data_offset = offsetof(struct image, data),
	},
	.desc = {
		{ { .size = 1, .offset = 0 }, "first" },
		{ { .size = 4, .offset = 16 }, "histogram" },
		{ { .size = 1, .offset = 8 }, "second" },
	},
	.data = { 11, 22, 1, 2, 3, 4 },
};

static int file_of(const void *bytes, size_t length)
{
	int fd = memfd_create("stats", MFD_CLOEXEC);

	assert_true(fd >= 0);
	assert_int_equal(pwrite(fd, bytes, length, 0), length);
	return fd;
}

static void values_are_found_by_name(void **state)
{
	int fd = file_of(&good, sizeof(good));
	uint64_t value = 0, array[8];
	struct stats *stats;

	(void)state;
	assert_int_equal(stats_new(fd, &stats), 0);
	assert_int_equal(stats_value(stats, "second", &value), 0);
	assert_int_equal(value, 22);
	assert_int_equal(stats_array(stats, "histogram", array, 8), 4);
	assert_int_equal(array[3], 4);
	assert_int_equal(stats_array(stats, "histogram", array, 2), 2);
	assert_int_equal(stats_value(stats, "third", &value), -ENOENT);
	assert_int_equal(value, 22);
	stats_free(stats);
	close(fd);
}

static void a_snapshot_is_new(void **state)
{
	int fd = file_of(&good, sizeof(good));
	struct image later = good;
	struct stats *stats;
	uint64_t value;

	(void)state;
	assert_int_equal(stats_new(fd, &stats), 0);
	later.data[0] = 33;
	assert_int_equal(pwrite(fd, &later, sizeof(later), 0), sizeof(later));
	assert_int_equal(stats_value(stats, "first", &value), 0);
	assert_int_equal(value, 11);
	assert_int_equal(stats_snapshot(stats, fd), 0);
	assert_int_equal(stats_value(stats, "first", &value), 0);
	assert_int_equal(value, 33);
	/* One that fails leaves the last. */
	assert_int_equal(ftruncate(fd, 100), 0);
	assert_int_equal(stats_snapshot(stats, fd), -EBADMSG);
	assert_int_equal(stats_value(stats, "first", &value), 0);
	assert_int_equal(value, 33);
	stats_free(stats);
	close(fd);
}

/* Every beginning of a file, every byte of it changed: refused or read, no more. */
static void damage_does_no_harm(void **state)
{
	unsigned int i, refused = 0;
	static const unsigned char changes[] = { 0x01, 0x80, 0xff };

	(void)state;
	for (i = 0; i < sizeof(good) * 4; i++) {
		unsigned char bytes[sizeof(good)];
		size_t length = i < sizeof(good) ? i : sizeof(good);
		struct stats *stats;
		uint64_t array[32];
		int fd, err;

		memcpy(bytes, &good, sizeof(good));
		if (i >= sizeof(good))
			bytes[i % sizeof(good)] ^= changes[i / sizeof(good) - 1];
		fd = file_of(bytes, length);
		err = stats_new(fd, &stats);
		assert_true(err == 0 || err == -EBADMSG || err == -EINVAL);
		refused += err != 0;
		if (!err) {
			stats_array(stats, "histogram", array, 32);
			stats_array(stats, "first", array, 32);
			stats_free(stats);
		}
		close(fd);
	}
	assert_true(refused >= sizeof(good) && refused < sizeof(good) * 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values_are_found_by_name),
		cmocka_unit_test(a_snapshot_is_new),
		cmocka_unit_test(damage_does_no_harm),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
