// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm-uvmem/range.h: nothing may overflow
 */
#include "unit.h"
#include "range.h"

#define MAX	UVMEM_MAX_GFN
#define U64_MAX	(~0ULL)

static void valid_ranges(void **unused)
{
	(void)unused;
	assert_true(uvmem_range_valid(0, 1));
	assert_true(uvmem_range_valid(0, MAX));
	assert_true(uvmem_range_valid(MAX - 1, 1));
	assert_true(uvmem_range_valid(1, MAX - 1));
	assert_true(uvmem_range_valid(MAX / 2, MAX / 2));
}

static void invalid_ranges(void **unused)
{
	(void)unused;
	assert_false(uvmem_range_valid(0, 0));
	assert_false(uvmem_range_valid(5, 0));
	assert_false(uvmem_range_valid(MAX - 1, 0));
	assert_false(uvmem_range_valid(MAX, 1));
	assert_false(uvmem_range_valid(MAX, 0));
	assert_false(uvmem_range_valid(0, MAX + 1));
	assert_false(uvmem_range_valid(1, MAX));
	assert_false(uvmem_range_valid(MAX - 1, 2));
}

/* Sums that wrap around to something that looks small */
static void wrapping_ranges(void **unused)
{
	(void)unused;
	assert_false(uvmem_range_valid(U64_MAX, 1));
	assert_false(uvmem_range_valid(U64_MAX, 2));
	assert_false(uvmem_range_valid(1, U64_MAX));
	assert_false(uvmem_range_valid(2, U64_MAX));
	assert_false(uvmem_range_valid(U64_MAX, U64_MAX));
	assert_false(uvmem_range_valid(0, U64_MAX));
	assert_false(uvmem_range_valid(MAX - 1, U64_MAX));
	assert_false(uvmem_range_valid(1ULL << 63, 1ULL << 63));
	/* gfns whose addresses lose their high bits */
	assert_false(uvmem_range_valid(1ULL << 52, 1));
	assert_false(uvmem_range_valid(U64_MAX >> UVMEM_PAGE_SHIFT, 1));
}

static void max_gfn_is_52_address_bits(void **unused)
{
	(void)unused;
	assert_int_equal((MAX - 1) << UVMEM_PAGE_SHIFT, 0xffffffffff000ULL);
	assert_int_equal(MAX << UVMEM_PAGE_SHIFT, 1ULL << 52);
}

static void chunks(void **unused)
{
	(void)unused;
	assert_int_equal(UVMEM_CHUNK_PAGES, 512);
	assert_int_equal(uvmem_chunk_index(0), 0);
	assert_int_equal(uvmem_chunk_index(511), 0);
	assert_int_equal(uvmem_chunk_index(512), 1);
	assert_int_equal(uvmem_chunk_index(MAX - 1), (MAX >> 9) - 1);
	assert_int_equal(uvmem_chunk_offset(0), 0);
	assert_int_equal(uvmem_chunk_offset(511), 511);
	assert_int_equal(uvmem_chunk_offset(512), 0);
	assert_int_equal(uvmem_chunk_offset(MAX - 1), 511);
}

static void part_of_a_range_in_its_chunk(void **unused)
{
	(void)unused;
	assert_int_equal(uvmem_range_in_chunk(0, 1), 1);
	assert_int_equal(uvmem_range_in_chunk(0, 511), 511);
	assert_int_equal(uvmem_range_in_chunk(0, 512), 512);
	assert_int_equal(uvmem_range_in_chunk(0, 513), 512);
	assert_int_equal(uvmem_range_in_chunk(511, 1), 1);
	assert_int_equal(uvmem_range_in_chunk(511, 2), 1);
	assert_int_equal(uvmem_range_in_chunk(512, 512), 512);
	assert_int_equal(uvmem_range_in_chunk(100, 1000), 412);
	/* numbers that do not fit into the 32 bits of the result */
	assert_int_equal(uvmem_range_in_chunk(0, 1ULL << 32), 512);
	assert_int_equal(uvmem_range_in_chunk(510, (1ULL << 32) + 1), 2);
	assert_int_equal(uvmem_range_in_chunk(3, U64_MAX), 509);
	assert_int_equal(uvmem_range_in_chunk(0, 0), 0);
}

/* Walking a range chunk by chunk sees each page once. */
static void walk(void **unused)
{
	static const __u64 starts[] = { 0, 1, 511, 512, 513, MAX - 2000 };
	static const __u64 lengths[] = { 1, 2, 511, 512, 513, 1024, 1999, 2000 };
	unsigned int i, j;

	(void)unused;
	for (i = 0; i < ARRAY_LEN(starts); i++)
		for (j = 0; j < ARRAY_LEN(lengths); j++) {
			__u64 gfn = starts[i], left = lengths[j];

			assert_true(uvmem_range_valid(gfn, left));
			while (left) {
				unsigned int n = uvmem_range_in_chunk(gfn, left);

				assert_in_range(n, 1, UVMEM_CHUNK_PAGES);
				assert_true(n <= left);
				assert_int_equal(uvmem_chunk_index(gfn),
						 uvmem_chunk_index(gfn + n - 1));
				/* as long as it can be */
				if (n < left)
					assert_int_equal(uvmem_chunk_offset(gfn + n), 0);
				gfn += n;
				left -= n;
			}
			assert_int_equal(gfn, starts[i] + lengths[j]);
		}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_ranges),
		cmocka_unit_test(invalid_ranges),
		cmocka_unit_test(wrapping_ranges),
		cmocka_unit_test(max_gfn_is_52_address_bits),
		cmocka_unit_test(chunks),
		cmocka_unit_test(part_of_a_range_in_its_chunk),
		cmocka_unit_test(walk),
	};

	return cmocka_run_group_tests_name("range", tests, NULL, NULL);
}
