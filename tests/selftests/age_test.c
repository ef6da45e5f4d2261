// SPDX-License-Identifier: GPL-2.0-only
/*
 * age_test - passes over a VM's secure pages tell those that the guest uses from those
 * that it does not, for as long as it has not used them
 */
#include "harness.h"

#include "vm.h"

#define MEM_PAGES	512ull
#define HOT_PAGES	32ull
#define COLD		mem_page(HOT_PAGES)
#define COLD_PAGES	(MEM_PAGES - HOT_PAGES)
#define OLDEST		(UVMEM_IDLE_BUCKETS - 1)

FIXTURE(age)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	struct uvmem_age age;
};

FIXTURE_SETUP(age)
{
	self->uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = MEM_PAGES });
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, MEM_PAGES, 1);
	/* What happened so far is seen by this one. */
	uvm_age(self->uvm, 0, &self->age);
}

FIXTURE_TEARDOWN(age)
{
	uvm_free(self->uvm);
}

static u64 idle_sum(const struct uvmem_age *age, int from)
{
	u64 sum = 0;
	int i;

	for (i = from; i < UVMEM_IDLE_BUCKETS; i++)
		sum += age->idle[i];
	return sum;
}

static u64 resident(struct uvm *uvm)
{
	struct uvmem_vm_info info;

	uvm_info(uvm, &info);
	return info.pages[UVMEM_PAGE_IN];
}

TEST_F(age, of_pages_in_use_is_zero_and_that_of_others_grows)
{
	u64 generation = self->age.generation, slot0 = resident(self->uvm) - MEM_PAGES;
	int pass;

	for (pass = 1; pass <= 4; pass++) {
		guest_call(self->vcpu, guest_touch, MEM_GPA, HOT_PAGES);
		uvm_age(self->uvm, 0, &self->age);
		EXPECT_EQ(generation + pass, self->age.generation);
		EXPECT_EQ(resident(self->uvm), self->age.scanned);
		EXPECT_EQ(resident(self->uvm), idle_sum(&self->age, 0));
		/* The guest's own code, stack and page tables come to a few. */
		EXPECT_LE(HOT_PAGES, self->age.young);
		EXPECT_GE(HOT_PAGES + 64, self->age.young);
		EXPECT_EQ(self->age.young, self->age.idle[0]);
		EXPECT_LE(COLD_PAGES, self->age.idle[pass]);
		EXPECT_GE(COLD_PAGES + slot0, self->age.idle[pass]);
		EXPECT_EQ(0, idle_sum(&self->age, pass + 1));
	}
	/* It counts as read or written alike, and from any age. */
	guest_call(self->vcpu, guest_write, mem_page(MEM_PAGES - 1), 1);
	guest_call(self->vcpu, guest_read, mem_page(MEM_PAGES - 2));
	uvm_age(self->uvm, 0, &self->age);
	EXPECT_LE(2, self->age.idle[0]);
	EXPECT_LE(COLD_PAGES - 2, self->age.idle[5]);
	EXPECT_LE(HOT_PAGES, self->age.idle[1]);
	EXPECT_EQ(2, uvm_stat(self->uvm, "pages_in") - idle_sum(&self->age, 1) -
		     (self->age.young - 2));
}

TEST_F(age, ends_at_the_last_bucket)
{
	int pass;

	for (pass = 1; pass <= OLDEST + 3; pass++) {
		uvm_age(self->uvm, 0, &self->age);
		EXPECT_EQ(resident(self->uvm), idle_sum(&self->age, 0));
		EXPECT_LE(MEM_PAGES, self->age.idle[min(pass, OLDEST)]) TH_LOG("pass %d", pass);
	}
	guest_call(self->vcpu, guest_touch, MEM_GPA, MEM_PAGES);
	uvm_age(self->uvm, 0, &self->age);
	EXPECT_LE(MEM_PAGES, self->age.idle[0]);
	EXPECT_GT(MEM_PAGES, self->age.idle[OLDEST]);
	EXPECT_EQ(resident(self->uvm), idle_sum(&self->age, 0));
}

TEST_F(age, costs_no_more_than_is_asked_for)
{
	u64 generation = self->age.generation, scanned = 0, young = 0, all = resident(self->uvm);
	u64 counted = uvm_stat(self->uvm, "age_scanned");
	int calls = 0;

	guest_call(self->vcpu, guest_touch, MEM_GPA, MEM_PAGES);
	do {
		/* No divisor of anything. */
		uvm_age(self->uvm, 37, &self->age);
		EXPECT_GE(37, self->age.scanned);
		EXPECT_EQ(all, idle_sum(&self->age, 0));
		scanned += self->age.scanned;
		young += self->age.young;
		calls++;
	} while (self->age.generation == generation && calls < 1000);
	EXPECT_EQ(generation + 1, self->age.generation);
	EXPECT_EQ((all + 36) / 37, calls);
	/* Each page once, whatever the cuts are. */
	EXPECT_EQ(all, scanned);
	EXPECT_LE(MEM_PAGES, young);
	EXPECT_EQ(young, self->age.idle[0]);
	EXPECT_EQ(counted + scanned, uvm_stat(self->uvm, "age_scanned"));
	EXPECT_LE(young, uvm_stat(self->uvm, "age_young"));
}

TEST_F(age, begins_when_a_page_comes_in)
{
	int pass;

	for (pass = 0; pass < 3; pass++)
		uvm_age(self->uvm, 0, &self->age);
	uvm_page_out_all(self->uvm, COLD, 64);
	uvm_age(self->uvm, 0, &self->age);
	EXPECT_EQ(resident(self->uvm), idle_sum(&self->age, 0));
	/* Nobody has touched these. */
	uvm_page_in_all(self->uvm, COLD, 64);
	uvm_age(self->uvm, 0, &self->age);
	EXPECT_LE(64, self->age.idle[0]);
	EXPECT_EQ(resident(self->uvm), idle_sum(&self->age, 0));
	uvm_age(self->uvm, 0, &self->age);
	EXPECT_LE(64, self->age.idle[1]);
	EXPECT_GE(128, self->age.idle[1]);
	EXPECT_EQ(resident(self->uvm), idle_sum(&self->age, 0));
}

TEST_F(age, of_pages_that_leave_is_forgotten)
{
	u64 idle[UVMEM_IDLE_BUCKETS];

	uvm_age(self->uvm, 0, &self->age);
	memcpy(idle, self->age.idle, sizeof(idle));
	/* Out, shared, dropped by the host. */
	uvm_page_out_all(self->uvm, COLD, 8);
	EXPECT_EQ(U_SUCCESS, hypercall(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(COLD) + 8, 8));
	EXPECT_EQ(0, madvise(uvm_hva(self->uvm, COLD + 16 * PAGE_SIZE), 8 * PAGE_SIZE,
			     MADV_DONTNEED));
	uvm_age(self->uvm, 0, &self->age);
	EXPECT_EQ(resident(self->uvm), idle_sum(&self->age, 0));
	EXPECT_EQ(resident(self->uvm), self->age.scanned);
	uvm_assert_sums(self->uvm);
}

TEST(age_of_a_huge_mapping_is_that_of_its_pages)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){
		.mem_pages = 2 * HUGE_PAGES, .src = VM_MEM_SRC_ANONYMOUS_THP,
	});
	struct uvmem_age age;
	u64 young = 0;
	int i;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 2 * HUGE_PAGES, 1);
	if (uvm_huge_bytes(uvm, MEM_GPA) < 2 * HUGE_SIZE) {
		uvm_free(uvm);
		SKIP(return, "the VMM got no huge pages");
	}
	uvm_esm(uvm);
	uvm_age(uvm, 0, &age);
	uvm_age(uvm, 0, &age);
	EXPECT_LE(2 * HUGE_PAGES, age.idle[1] + age.idle[0]);
	/* One page of the first huge page; looked at in parts. */
	guest_call(uvm->vcpu[0], guest_read, mem_page(300));
	for (i = 0; i < 1000; i++) {
		u64 generation = age.generation;

		uvm_age(uvm, 100, &age);
		young += age.young;
		if (age.generation != generation)
			break;
	}
	EXPECT_LE(HUGE_PAGES, young);
	EXPECT_GT(HUGE_PAGES + 128, young);
	EXPECT_LE(HUGE_PAGES, age.idle[2] + age.idle[1]);
	EXPECT_EQ(resident(uvm), idle_sum(&age, 0));
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
