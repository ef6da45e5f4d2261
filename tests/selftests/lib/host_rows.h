/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * host_rows.h - test cases out of HOST_ROWS; the last include of a host_*_test.c
 */
#include "harness.h"

FIXTURE(host)
{
};

FIXTURE_VARIANT(host)
{
	struct host_row row;
	enum vm_mem_backing_src_type src;
};

FIXTURE_SETUP(host)
{
}

FIXTURE_TEARDOWN(host)
{
}

#define HOST_VARIANTS(fn, name, ...)						\
FIXTURE_VARIANT_ADD(host, fn##_of_4k)						\
{										\
	.row = { .title = name, .act = fn, .cell = { __VA_ARGS__ } },		\
	.src = VM_MEM_SRC_ANONYMOUS,						\
};										\
FIXTURE_VARIANT_ADD(host, fn##_of_2m)						\
{										\
	.row = { .title = name, .act = fn, .cell = { __VA_ARGS__ } },		\
	.src = VM_MEM_SRC_ANONYMOUS_THP,					\
};

HOST_ROWS(HOST_VARIANTS)

TEST_F(host, action_does_what_the_table_says)
{
	host_run_row(&variant->row, variant->src);
}
