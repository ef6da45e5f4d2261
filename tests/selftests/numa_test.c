// SPDX-License-Identifier: GPL-2.0-only
/*
 * numa_test - where memory is: near the CPU that wants it, and where a stranger to the VMM
 * moves pages, near the VMM
 *
 * tests/suites/numa boots with two nodes of one CPU each.
 */
#include <sched.h>
#include <stdio.h>
#include <sys/wait.h>

#include "frames.h"
#include "harness.h"
#include "vm.h"

#define PAGES		64
#define NR_NODES	2

FIXTURE(numa)
{
	struct uvm *uvm;
	u64 seed;
	struct {
		u64 first, end;		/* pfn */
		u64 free;		/* pages */
	} node[NR_NODES];
};

FIXTURE_VARIANT(numa)
{
	int node;
};

FIXTURE_VARIANT_ADD(numa, on_the_first_node)
{
	.node = 0,
};

FIXTURE_VARIANT_ADD(numa, on_the_second_node)
{
	.node = 1,
};

#define NUMA_FIXTURE	FIXTURE_DATA(numa)

/* CPU n is node n's. */
static void run_on(int node)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(node, &set);
	TEST_ASSERT(!sched_setaffinity(0, sizeof(set), &set), "CPU %d: %s", node, strerror(errno));
}

static void find_nodes(NUMA_FIXTURE *self)
{
	FILE *f = fopen("/proc/zoneinfo", "r");
	u64 value, spanned = 0;
	int node = -1, i;
	char line[256];

	TEST_ASSERT(f, "/proc/zoneinfo: %s", strerror(errno));
	memset(self->node, 0, sizeof(self->node));
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "Node %d, zone", &node) == 1)
			spanned = 0;
		if (node < 0 || node >= NR_NODES)
			continue;
		if (sscanf(line, " pages free %lu", &value) == 1)
			self->node[node].free += value;
		if (sscanf(line, " spanned %lu", &value) == 1)
			spanned = value;
		if (sscanf(line, " start_pfn: %lu", &value) != 1 || !spanned)
			continue;
		/* The zone of device pages is no memory, and lies above all that is. */
		if (!self->node[node].end || value < self->node[node].end + (1ul << 18)) {
			if (!self->node[node].end)
				self->node[node].first = value;
			self->node[node].end = value + spanned;
		}
	}
	fclose(f);
	for (i = 0; i < NR_NODES; i++)
		TEST_ASSERT(self->node[i].end, "node %d has no memory", i);
}

static int node_of(NUMA_FIXTURE *self, u64 pfn)
{
	int i;

	for (i = 0; i < NR_NODES; i++)
		if (pfn >= self->node[i].first && pfn < self->node[i].end)
			return i;
	return -1;
}

FIXTURE_SETUP(numa)
{
	find_nodes(self);
	run_on(variant->node);
	/* find_frame() must not find what is left of other cases. */
	self->seed = 0x9e0a0000u + variant->node * 0x100;
	self->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = HUGE_PAGES });
}

FIXTURE_TEARDOWN(numa)
{
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

/* The node of the frame of page @page, which is in. */
static int frame_node(NUMA_FIXTURE *self, u64 page)
{
	self->seed++;
	guest_call(self->uvm->vcpu[0], guest_fill, mem_page(page), 1, self->seed);
	return node_of(self, find_frame(mem_page(page), self->seed));
}

static int vmm_node(NUMA_FIXTURE *self, u64 page)
{
	return node_of(self, host_pfn(uvm_hva(self->uvm, mem_page(page))));
}

TEST_F(numa, a_first_touch_takes_a_frame_from_the_vcpus_node)
{
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, PAGES, 1);
	EXPECT_EQ(variant->node, frame_node(self, 0));
	EXPECT_EQ(variant->node, frame_node(self, PAGES - 1));
}

TEST_F(numa, a_page_that_moves_goes_to_the_node_of_who_moves_it)
{
	int other = !variant->node;

	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, PAGES, 1);
	run_on(other);
	uvm_page_out_all(self->uvm, MEM_GPA, PAGES);
	EXPECT_EQ(other, vmm_node(self, 0));
	EXPECT_EQ(other, vmm_node(self, PAGES - 1));
	run_on(variant->node);
	guest_call(self->uvm->vcpu[0], guest_touch, MEM_GPA, PAGES);
	EXPECT_EQ(variant->node, frame_node(self, 0));
	EXPECT_EQ(variant->node, frame_node(self, PAGES - 1));
}

/* As the daemon does: another process, anywhere. */
static void by_stranger(NUMA_FIXTURE *self, int node,
			void (*move_all)(struct uvm *uvm, u64 gpa, u64 nr_pages))
{
	pid_t pid = fork();
	int status;

	TEST_ASSERT(pid >= 0, "fork");
	if (!pid) {
		run_on(node);
		move_all(self->uvm, MEM_GPA, PAGES);
		_exit(0);
	}
	TEST_ASSERT(waitpid(pid, &status, 0) == pid && !status, "status %d", status);
}

TEST_F(numa, a_stranger_moves_pages_where_the_vmm_is)
{
	guest_call(self->uvm->vcpu[0], guest_fill, MEM_GPA, PAGES, 1);
	by_stranger(self, !variant->node, uvm_page_out_all);
	EXPECT_EQ(variant->node, vmm_node(self, 0));
	EXPECT_EQ(variant->node, vmm_node(self, PAGES - 1));

	by_stranger(self, !variant->node, uvm_page_in_all);
	uvm_assert_state(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN);
	EXPECT_EQ(variant->node, frame_node(self, 0));
	EXPECT_EQ(variant->node, frame_node(self, PAGES - 1));
}

TEST_HARNESS_MAIN
