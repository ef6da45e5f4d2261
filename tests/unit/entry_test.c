// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * kvm-uvmem/entry.h: the word of the gfn table
 */
#include "unit.h"
#include "entry.h"
#include "range.h"

#define ALL_FLAGS	(UVMEM_ENT_TRANSIT | UVMEM_ENT_SLOT)
#define PAYLOAD_MAX	((1ULL << (64 - UVMEM_ENT_PAYLOAD_SHIFT)) - 1)

/* The layout is written down in entry.h; a debugger and crash dumps rely on it. */
static void layout(void **unused)
{
	(void)unused;
	assert_int_equal(uvmem_ent_make(0, UVMEM_PAGE_NONE, 0, 0), 0);
	assert_int_equal(uvmem_ent_make(0, UVMEM_PAGE_LOST, 0, 0), 0x7);
	assert_int_equal(uvmem_ent_make(UVMEM_ENT_TRANSIT, UVMEM_PAGE_NONE, 0, 0), 0x10);
	assert_int_equal(uvmem_ent_make(UVMEM_ENT_SLOT, UVMEM_PAGE_NONE, 0, 0), 0x20);
	assert_int_equal(uvmem_ent_make(0, UVMEM_PAGE_NONE, 0xffff, 0), 0xffff00);
	assert_int_equal(uvmem_ent_make(0, UVMEM_PAGE_NONE, 0, 1), 0x1000000);
	assert_int_equal(uvmem_ent_make(ALL_FLAGS, UVMEM_PAGE_IN, 0xabcd, 0x123456789aULL),
			 0x123456789aabcd34ULL);
}

static void parts_come_back(void **unused)
{
	static const __u16 stamps[] = { 0, 1, 0x00ff, 0x8000, 0xffff };
	static const __u64 payloads[] = { 0, 1, 0xff, 1ULL << 36, PAYLOAD_MAX };
	static const __u64 flags[] = { 0, UVMEM_ENT_TRANSIT, UVMEM_ENT_SLOT, ALL_FLAGS };
	unsigned int state, f, s, p;

	(void)unused;
	for (state = 0; state < UVMEM_PAGE_NR_STATES; state++)
		for (f = 0; f < ARRAY_LEN(flags); f++)
			for (s = 0; s < ARRAY_LEN(stamps); s++)
				for (p = 0; p < ARRAY_LEN(payloads); p++) {
					__u64 ent = uvmem_ent_make(flags[f],
								   (enum uvmem_page_state)state,
								   stamps[s], payloads[p]);

					assert_int_equal(uvmem_ent_state(ent), state);
					assert_int_equal(uvmem_ent_stamp(ent), stamps[s]);
					assert_int_equal(uvmem_ent_payload(ent), payloads[p]);
					assert_int_equal(ent & ALL_FLAGS, flags[f]);
				}
}

/* An old word given as flags must not leave anything but its flags. */
static void only_flags_are_taken_over(void **unused)
{
	(void)unused;
	assert_int_equal(uvmem_ent_make(~0ULL, UVMEM_PAGE_NONE, 0, 0), ALL_FLAGS);
	assert_int_equal(uvmem_ent_make(~ALL_FLAGS, UVMEM_PAGE_OUT, 0, 0), UVMEM_PAGE_OUT);
}

static void everything_fits(void **unused)
{
	(void)unused;
	assert_true(UVMEM_PAGE_NR_STATES <= UVMEM_ENT_STATE_MASK + 1);
	/* a pfn of a machine with 52 address bits */
	assert_int_equal((UVMEM_MAX_GFN - 1) & PAYLOAD_MAX, UVMEM_MAX_GFN - 1);
	assert_int_equal(UVMEM_ENT_STATE_MASK & (ALL_FLAGS | UVMEM_ENT_STAMP_MASK), 0);
	assert_int_equal(ALL_FLAGS & UVMEM_ENT_STAMP_MASK, 0);
	assert_true(UVMEM_ENT_STAMP_MASK < 1ULL << UVMEM_ENT_PAYLOAD_SHIFT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(layout),
		cmocka_unit_test(parts_come_back),
		cmocka_unit_test(only_flags_are_taken_over),
		cmocka_unit_test(everything_fits),
	};

	return cmocka_run_group_tests_name("entry", tests, NULL, NULL);
}
