// SPDX-License-Identifier: GPL-2.0-only
/*
 * memslot_test - memslots come, go and move while their pages are secure; memory
 * that cannot be secure is refused with the reason
 */
#include <fcntl.h>
#include <sys/mman.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

/* For helpers: checkpatch takes the macros for expressions. */
#define MEMSLOT_FIXTURE	FIXTURE_DATA(memslot)

#define SLOT2		2
#define SLOT2_GPA	(MEM_GPA + 4 * HUGE_SIZE)	/* has guest page tables, too */

FIXTURE(memslot)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	struct userspace_mem_region *region;
	bool stopped;
};

FIXTURE_SETUP(memslot)
{
	self->uvm = uvm_create(&(struct uvm_config){});
	self->vcpu = self->uvm->vcpu[0];
	self->region = memslot2region(self->uvm->vm, MEM_SLOT);
	guest_call(self->vcpu, guest_fill, MEM_GPA, 128, 1);
}

FIXTURE_TEARDOWN(memslot)
{
	uvm_free(self->uvm);
}

static void set_slot(struct uvm *uvm, u32 slot, u64 gpa, u64 pages, void *mem)
{
	vm_set_user_memory_region(uvm->vm, slot, 0, gpa, pages * PAGE_SIZE, mem);
}

TEST_F(memslot, that_goes_and_comes_back_has_its_pages)
{
	struct uvm *uvm = self->uvm;
	u8 before[256], now[256];
	int i;

	uvm_esm(uvm);
	guest_call(self->vcpu, guest_fill_byte, mem_page(60), 2, 0);
	uvm_page_out(uvm, mem_page(40), 22);
	uvm_states(uvm, MEM_GPA, 256, before);
	for (i = 0; i < 3; i++) {
		set_slot(uvm, MEM_SLOT, MEM_GPA, 0, self->region->host_mem);
		set_slot(uvm, MEM_SLOT, MEM_GPA, 256, self->region->host_mem);
		uvm_states(uvm, MEM_GPA, 256, now);
		ASSERT_EQ(0, memcmp(before, now, sizeof(now)));
		uvm_assert_sums(uvm);
	}
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 60, 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(62), 66, 1));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(60), 2, 0));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify_byte, mem_page(128), 128, 0));
	assert_no_markers(SEARCH_PRESENT);
}

TEST_F(memslot, that_was_added_after_the_esm_is_normal_until_secured)
{
	struct uvm *uvm = self->uvm;
	void *mem = mmap(NULL, 64 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	uvm_esm(uvm);
	set_slot(uvm, SLOT2, SLOT2_GPA, 64, mem);
	EXPECT_EQ(64, uvm_count(uvm, SLOT2_GPA, 64, UVMEM_PAGE_NORMAL));
	guest_call(self->vcpu, guest_fill, SLOT2_GPA, 64, 5);
	ASSERT_EQ(H_SUCCESS, hypercall_patient(self->vcpu, KVM_HC_MAP_GPA_RANGE, SLOT2_GPA, 64,
					       UVMEM_MAP_ENCRYPTED));
	EXPECT_EQ(64, uvm_count(uvm, SLOT2_GPA, 64, UVMEM_PAGE_IN));
	assert_no_markers(SEARCH_TOUCH);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, SLOT2_GPA, 64, 5));
	set_slot(uvm, SLOT2, SLOT2_GPA, 0, mem);
	munmap(mem, 64 * PAGE_SIZE);
}

TEST_F(memslot, that_is_moved_takes_no_plaintext_along)
{
	struct uvm *uvm = self->uvm;
	struct uvmem_vm_info info;

	uvm_esm(uvm);
	uvm_page_out(uvm, MEM_GPA, 64);
	/* KVM_MR_MOVE: same memory of the VMM, other guest-physical address. */
	set_slot(uvm, MEM_SLOT, SLOT2_GPA, 256, self->region->host_mem);
	uvm_info(uvm, &info);
	EXPECT_EQ(256, info.detached_pages);
	EXPECT_EQ(SLOT0_PAGES + 256, info.registered_pages);
	EXPECT_EQ(256, uvm_count(uvm, SLOT2_GPA, 256, UVMEM_PAGE_NORMAL));
	/* The new address has what the VMM has: ciphertext. */
	EXPECT_NE(GUEST_OK, guest_call(self->vcpu, guest_verify, SLOT2_GPA, 1, 1));
	guest_call(self->vcpu, guest_touch, SLOT2_GPA, 256);
	assert_no_markers(SEARCH_TOUCH);

	/* Back: what was looked at is out by now, and still the guest's. */
	set_slot(uvm, MEM_SLOT, MEM_GPA, 256, self->region->host_mem);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 128, 1));
	uvm_assert_sums(uvm);
}

TEST_F(memslot, with_other_memory_than_before_stops_the_guest)
{
	struct uvm *uvm = self->uvm;
	void *mem = mmap(NULL, 256 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	uvm_esm(uvm);
	uvm_page_out_all(uvm, MEM_GPA, 4);
	set_slot(uvm, MEM_SLOT, MEM_GPA, 0, self->region->host_mem);
	set_slot(uvm, MEM_SLOT, MEM_GPA, 256, mem);
	/* Pages in frames do not care. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, mem_page(4), 100, 1));
	guest_call_stops(uvm, self->vcpu, UVMEM_STOP_MISSING, mem_page(2), guest_verify,
			 mem_page(2), 1, 1);
	set_slot(uvm, MEM_SLOT, MEM_GPA, 0, mem);
	munmap(mem, 256 * PAGE_SIZE);
}

TEST_F(memslot, that_is_gone_stops_a_guest_that_reads_its_secure_page)
{
	/* It would be MMIO, and the VMM would say what is in the page. */
	uvm_esm(self->uvm);
	set_slot(self->uvm, MEM_SLOT, MEM_GPA, 0, self->region->host_mem);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_NO_SLOT, mem_page(9), guest_read,
			 mem_page(9) + 8);
}

TEST_F(memslot, that_is_gone_stops_a_guest_that_writes_its_secure_page)
{
	/* It would be MMIO, and the VMM would see what the guest writes. */
	uvm_esm(self->uvm);
	uvm_page_out_all(self->uvm, mem_page(9), 1);
	set_slot(self->uvm, MEM_SLOT, MEM_GPA, 0, self->region->host_mem);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_NO_SLOT, mem_page(9), guest_write,
			 mem_page(9) + 8, 1);
}

TEST_F(memslot, that_is_gone_stops_a_guest_that_touches_its_absent_page)
{
	uvm_esm(self->uvm);
	set_slot(self->uvm, MEM_SLOT, MEM_GPA, 0, self->region->host_mem);
	guest_call_stops(self->uvm, self->vcpu, UVMEM_STOP_NO_SLOT, mem_page(200), guest_read,
			 mem_page(200));
}

TEST_F(memslot, that_is_gone_and_was_shared_is_mmio)
{
	struct kvm_run *run = self->vcpu->run;

	uvm_esm(self->uvm);
	ASSERT_EQ(U_SUCCESS, hypercall_patient(self->vcpu, UV_SHARE_PAGE,
					       gpa_to_gfn(mem_page(9)), 1));
	set_slot(self->uvm, MEM_SLOT, MEM_GPA, 0, self->region->host_mem);
	guest_start(self->vcpu, guest_write, mem_page(9), 1);
	ASSERT_EQ(RUN_OTHER, guest_run(self->vcpu, NULL));
	EXPECT_EQ(KVM_EXIT_MMIO, run->exit_reason);
	EXPECT_EQ(mem_page(9), run->mmio.phys_addr);
	EXPECT_EQ(RUN_DONE, guest_run(self->vcpu, NULL));
	set_slot(self->uvm, MEM_SLOT, MEM_GPA, 256, self->region->host_mem);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 9, 1));
}

TEST_F(memslot, that_is_read_only_cannot_be_put_over_secure_pages)
{
	struct uvm *uvm = self->uvm;
	void *mem = self->region->host_mem;

	uvm_esm(uvm);
	set_slot(uvm, MEM_SLOT, MEM_GPA, 0, mem);
	EXPECT_NE(0, __vm_set_user_memory_region(uvm->vm, MEM_SLOT, KVM_MEM_READONLY, MEM_GPA,
						 256 * PAGE_SIZE, mem));
	EXPECT_EQ(EINVAL, errno);
	set_slot(uvm, MEM_SLOT, MEM_GPA, 256, mem);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 128, 1));
}

TEST_F(memslot, that_is_read_only_stays_normal)
{
	struct uvm *uvm = self->uvm;
	u64 *rom = mmap(NULL, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
			MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	rom[0] = 0x524f4d;
	vm_set_user_memory_region(uvm->vm, SLOT2, KVM_MEM_READONLY, SLOT2_GPA, 16 * PAGE_SIZE, rom);
	ASSERT_EQ(H_SUCCESS, hypercall(self->vcpu, H_SVM_INIT_START));
	EXPECT_EQ(H_PARAMETER, hypercall(self->vcpu, H_SVM_PAGE_IN, SLOT2_GPA, 0, UVMEM_ORDER_4K));
	uvm_esm(uvm);
	EXPECT_EQ(16, uvm_count(uvm, SLOT2_GPA, 16, UVMEM_PAGE_NORMAL));
	EXPECT_EQ(U_PARAMETER, hypercall(self->vcpu, UV_SHARE_PAGE, gpa_to_gfn(SLOT2_GPA), 1));
	EXPECT_EQ(U_PARAMETER, hypercall(self->vcpu, UV_UNSHARE_PAGE, gpa_to_gfn(SLOT2_GPA), 1));
	EXPECT_EQ(0x524f4d, guest_call(self->vcpu, guest_read, SLOT2_GPA));
	vm_set_user_memory_region(uvm->vm, SLOT2, KVM_MEM_READONLY, SLOT2_GPA, 0, rom);
	munmap(rom, 16 * PAGE_SIZE);
}

TEST_F(memslot, with_guest_memfd_is_refused)
{
	struct uvm *uvm = self->uvm;
	struct kvm_create_guest_memfd gmem = { .size = HUGE_SIZE };
	void *mem = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);
	int fd = ioctl(uvm->vm->fd, KVM_CREATE_GUEST_MEMFD, &gmem);

	if (fd < 0)
		SKIP(goto out, "this KVM has no guest_memfd");
	EXPECT_NE(0, __vm_set_user_memory_region2(uvm->vm, SLOT2, KVM_MEM_GUEST_MEMFD, SLOT2_GPA,
						  HUGE_SIZE, mem, fd, 0));
	close(fd);
out:
	munmap(mem, HUGE_SIZE);
}

/* ---- memory that cannot be secure ----------------------------------------------------------- */

/*
 * @mem is no private anonymous memory: UV_ESM fails with the code for that, all
 * slots before and behind it are normal again, and paging says why.
 */
static void expect_refused(struct __test_metadata *_metadata, MEMSLOT_FIXTURE *self,
			   void *mem, u64 pages)
{
	struct uvm *uvm = self->uvm;
	struct uvmem_vm_info info;
	void *last = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			  -1, 0);

	ASSERT_NE(MAP_FAILED, mem);
	memset(mem, 1, pages * PAGE_SIZE);
	memset(last, 2, HUGE_SIZE);
	set_slot(uvm, SLOT2, SLOT2_GPA, pages, mem);
	set_slot(uvm, 3, SLOT2_GPA + HUGE_SIZE, HUGE_PAGES, last);

	EXPECT_EQ(U_FUNCTION, hypercall(self->vcpu, UV_ESM));
	uvm_info(uvm, &info);
	EXPECT_EQ(UVMEM_VM_NORMAL, info.state);
	EXPECT_EQ(info.registered_pages, info.pages[UVMEM_PAGE_NORMAL]);
	EXPECT_EQ(0, info.frames);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 128, 1));

	ASSERT_EQ(H_SUCCESS, hypercall(self->vcpu, H_SVM_INIT_START));
	EXPECT_EQ(H_FUNCTION, hypercall(self->vcpu, H_SVM_PAGE_IN, SLOT2_GPA, 0, UVMEM_ORDER_4K));
	EXPECT_LT(0, uvm_stat(uvm, "skipped_not_anon"));
	EXPECT_EQ(UVMEM_PAGE_NORMAL, uvm_state(uvm, SLOT2_GPA));
	EXPECT_EQ(H_PARAMETER, hypercall_patient(self->vcpu, H_SVM_INIT_ABORT));

	/* Without it the VM becomes secure. */
	set_slot(uvm, SLOT2, SLOT2_GPA, 0, mem);
	uvm_esm(uvm);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, 128, 1));
	set_slot(uvm, 3, SLOT2_GPA + HUGE_SIZE, 0, last);
	munmap(last, HUGE_SIZE);
	munmap(mem, pages * PAGE_SIZE);
}

TEST_F(memslot, of_shared_memory_is_refused)
{
	expect_refused(_metadata, self, mmap(NULL, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS, -1, 0), 16);
}

TEST_F(memslot, of_a_memfd_is_refused)
{
	int fd = memfd_create("guest", 0);

	ASSERT_EQ(0, ftruncate(fd, 16 * PAGE_SIZE));
	expect_refused(_metadata, self, mmap(NULL, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
					     MAP_SHARED, fd, 0), 16);
	close(fd);
}

TEST_F(memslot, of_a_private_file_mapping_is_refused)
{
	/* Written to, its pages are anonymous; the mapping is not. */
	int fd = memfd_create("guest", 0);

	ASSERT_EQ(0, ftruncate(fd, 16 * PAGE_SIZE));
	expect_refused(_metadata, self, mmap(NULL, 16 * PAGE_SIZE, PROT_READ | PROT_WRITE,
					     MAP_PRIVATE, fd, 0), 16);
	close(fd);
}

TEST_F(memslot, of_hugetlb_is_refused)
{
	FILE *f = fopen("/proc/sys/vm/nr_hugepages", "w");
	void *mem;

	ASSERT_NE(NULL, f);
	fprintf(f, "4\n");
	fclose(f);
	mem = mmap(NULL, HUGE_SIZE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);
	if (mem == MAP_FAILED)
		SKIP(return, "the host has no huge page to spare");
	expect_refused(_metadata, self, mem, HUGE_PAGES);
	f = fopen("/proc/sys/vm/nr_hugepages", "w");
	fprintf(f, "0\n");
	fclose(f);
}

/* ---- what the VMM's mapping is like afterwards ------------------------------------------------ */

/* The VmFlags line of the mapping that has @addr. */
static void vm_flags(const void *addr, char *text, size_t size)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool ours = false;
	char line[512];

	TEST_ASSERT(f, "smaps");
	text[0] = '\0';
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			ours = start <= (unsigned long)addr && (unsigned long)addr < end;
		else if (ours && !strncmp(line, "VmFlags:", 8))
			snprintf(text, size, "%.200s", line);
	}
	fclose(f);
	TEST_ASSERT(text[0], "no VmFlags");
}

TEST_F(memslot, of_a_secure_vm_leaves_the_vmms_mapping_as_it_was)
{
	char before[256], now[256];
	struct uvm *uvm = self->uvm;

	/* KSM in particular: neither switched on nor off for memory of others. */
	vm_flags(self->region->host_mem, before, sizeof(before));
	uvm_esm(uvm);
	vm_flags(self->region->host_mem, now, sizeof(now));
	EXPECT_STREQ(before, now);
	uvm_page_out(uvm, MEM_GPA, 128);
	set_slot(uvm, MEM_SLOT, MEM_GPA, 0, self->region->host_mem);
	vm_flags(self->region->host_mem, now, sizeof(now));
	EXPECT_STREQ(before, now);
	set_slot(uvm, MEM_SLOT, MEM_GPA, 256, self->region->host_mem);
}

TEST_HARNESS_MAIN
