// SPDX-License-Identifier: GPL-2.0-only
/*
 * lifecycle_test - however a VM ends, nothing of it stays: no frame, no handle, no
 * seal, no key, and the VMM's memory is plain memory again
 */
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "harness.h"

#include "search.h"
#include "vm.h"

FIXTURE(end)
{
	struct uvmem_pool before;
};

FIXTURE_VARIANT(end)
{
	enum vm_mem_backing_src_type src;
};

FIXTURE_VARIANT_ADD(end, of_4k)
{
	.src = VM_MEM_SRC_ANONYMOUS,
};

FIXTURE_VARIANT_ADD(end, of_2m)
{
	.src = VM_MEM_SRC_ANONYMOUS_THP,
};

FIXTURE_SETUP(end)
{
	self->before = uvmem_get_pool();
	ASSERT_EQ(0, self->before.vms);
	ASSERT_EQ(0, self->before.frames_used);
}

FIXTURE_TEARDOWN(end)
{
	uvmem_assert_nothing_left(&self->before);
	EXPECT_EQ(0, uvmem_get_pool().handles_used);
	EXPECT_EQ(0, uvmem_get_pool().keys);
}

/* A secure VM with pages in all secure states. */
static struct uvm *make_vm(enum vm_mem_backing_src_type src)
{
	struct uvm_config config = { .mem_pages = 2 * HUGE_PAGES, .src = src };
	struct uvm *uvm = uvm_create(&config);
	struct kvm_vcpu *vcpu = uvm->vcpu[0];

	guest_call(vcpu, guest_fill, MEM_GPA, HUGE_PAGES, 1);
	guest_call(vcpu, guest_fill_byte, mem_page(256), 64, 9);
	uvm_esm(uvm);
	uvm_page_out(uvm, mem_page(128), 192);
	TEST_ASSERT(!hypercall_patient(vcpu, UV_SHARE_PAGE, gpa_to_gfn(mem_page(400)), 8), "share");
	TEST_ASSERT(!madvise(uvm_hva(uvm, mem_page(420)), 4 * PAGE_SIZE, MADV_DONTNEED), "madvise");
	uvm_assert_sums(uvm);
	return uvm;
}

TEST_F(end, by_closing_leaves_nothing)
{
	uvm_free(make_vm(variant->src));
}

TEST_F(end, of_the_vm_before_its_memory_leaves_nothing)
{
	struct uvm *uvm = make_vm(variant->src);
	struct userspace_mem_region *region = memslot2region(uvm->vm, MEM_SLOT);
	struct uvmem_vm_info info = { .size = sizeof(info) };
	u64 size = 2 * HUGE_SIZE, i;
	struct uvmem_pool pool;
	u8 *mem = region->host_mem;
	int fd = dup(uvm->fd);

	/* The library unmaps all memory of the VM; keep this one. */
	mem = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ASSERT_NE(MAP_FAILED, mem);
	ASSERT_EQ(mem, mremap(region->host_mem, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, mem));
	uvm_free_unchecked(uvm);

	/* Frames, seals and keys go with the VM, handles with the mapping. */
	for (i = 0; i < 500; i++) {
		pool = uvmem_get_pool();
		if (!pool.vms && !pool.frames_used)
			break;
		usleep(10000);
	}
	EXPECT_EQ(0, pool.vms);
	EXPECT_EQ(0, pool.frames_used);
	EXPECT_EQ(0, pool.seals);
	EXPECT_EQ(0, pool.keys);
	EXPECT_LT(0, pool.handles_husk);
	EXPECT_EQ(pool.handles_used, pool.handles_husk);
	ASSERT_EQ(0, ioctl(fd, UVMEM_VM_GET_INFO, &info));
	EXPECT_EQ(UVMEM_VM_TERMINATED, info.state);
	close(fd);

	/* What is there to be read is ciphertext, zeroes, or what was shared. */
	EXPECT_EQ(0, search_markers_in(mem, size).markers);
	pool = uvmem_get_pool();
	EXPECT_EQ(0, pool.handles_husk);
	EXPECT_EQ(0, pool.handles_used);
	/* And it is memory like any other. */
	memset(mem, 1, size);
	for (i = 0; i < size; i++)
		if (mem[i] != 1)
			break;
	EXPECT_EQ(size, i);
	munmap(mem, size);
}

TEST_F(end, of_the_memory_before_the_vm_leaves_nothing)
{
	struct uvm *uvm = make_vm(variant->src);
	struct userspace_mem_region *region = memslot2region(uvm->vm, MEM_SLOT);
	struct uvmem_vm_info info;

	ASSERT_EQ(0, munmap(region->mmap_start, region->mmap_size));
	region->mmap_start = mmap(NULL, region->mmap_size, PROT_NONE,
				  MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uvm_info(uvm, &info);
	EXPECT_LT(0, info.pages[UVMEM_PAGE_LOST]);
	uvm_assert_sums(uvm);
	uvm_free(uvm);
}

/* Run @fn in a child that makes a VM; returns its wait status. */
static int in_child(void (*fn)(struct uvm *uvm), enum vm_mem_backing_src_type src, int sig)
{
	int ready[2], status;
	char byte = 0;
	pid_t pid;

	TEST_ASSERT(!pipe(ready), "pipe");
	pid = fork();
	if (!pid) {
		struct uvm *uvm = make_vm(src);

		TEST_ASSERT(write(ready[1], &byte, 1) == 1, "pipe");
		fn(uvm);
		_exit(0);
	}
	close(ready[1]);
	TEST_ASSERT(read(ready[0], &byte, 1) == 1, "the child has no VM");
	if (sig) {
		usleep(100000);
		kill(pid, sig);
	}
	TEST_ASSERT(waitpid(pid, &status, 0) == pid, "waitpid");
	close(ready[0]);
	return status;
}

static void just_exit(struct uvm *uvm)
{
	_exit(7);
}

TEST_F(end, by_exit_without_closing_leaves_nothing)
{
	int status = in_child(just_exit, variant->src, 0);

	EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 7);
}

static void just_wait(struct uvm *uvm)
{
	for (;;)
		pause();
}

TEST_F(end, by_SIGKILL_leaves_nothing)
{
	int status = in_child(just_wait, variant->src, SIGKILL);

	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void run_for_ever(struct uvm *uvm)
{
	for (;;)
		guest_call(uvm->vcpu[0], guest_churn, MEM_GPA, 64, 0, 1000);
}

TEST_F(end, by_SIGKILL_while_the_guest_runs_leaves_nothing)
{
	int status = in_child(run_for_ever, variant->src, SIGKILL);

	EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void *page_for_ever(void *arg)
{
	struct uvm *uvm = arg;

	for (;;) {
		uvm_page_out(uvm, MEM_GPA, 2 * HUGE_PAGES);
		uvm_page_in(uvm, MEM_GPA, 2 * HUGE_PAGES);
	}
	return NULL;
}

static void run_and_page_for_ever(struct uvm *uvm)
{
	pthread_t thread;

	pthread_create(&thread, NULL, page_for_ever, uvm);
	run_for_ever(uvm);
}

TEST_F(end, by_SIGKILL_while_pages_move_leaves_nothing)
{
	int status, i;

	for (i = 0; i < 3; i++) {
		status = in_child(run_and_page_for_ever, variant->src, SIGKILL);
		EXPECT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
	}
}

static void exec_true(struct uvm *uvm)
{
	execl("/bin/true", "true", NULL);
	_exit(1);
}

TEST_F(end, by_exec_leaves_nothing)
{
	int status = in_child(exec_true, variant->src, 0);

	EXPECT_EQ(0, status);
}

TEST_F(end, is_seen_by_holders_of_the_file_only)
{
	/* A file of the VM that outlives it keeps the structure, not the VM. */
	struct uvm *uvm = make_vm(variant->src);
	struct uvmem_pool before = uvm->before;
	int fd = dup(uvm->fd), stats = ioctl(fd, UVMEM_VM_GET_STATS_FD, 0);

	ASSERT_LE(0, stats);
	uvm_free_unchecked(uvm);
	uvmem_assert_nothing_left(&before);
	close(stats);
	close(fd);
}


TEST(the_module_stays_while_a_vm_needs_it)
{
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});

	EXPECT_EQ(-1, syscall(SYS_delete_module, "kvm_uvmem", O_NONBLOCK));
	EXPECT_TRUE(errno == EWOULDBLOCK || errno == EBUSY);
	EXPECT_EQ(0, guest_call(uvm->vcpu[0], guest_nop));
	uvm_free(uvm);
}

TEST(vms_can_come_and_go)
{
	struct uvmem_pool before = uvmem_get_pool();
	int i;

	for (i = 0; i < 10; i++) {
		struct uvm *uvm = uvm_create_secure(&(struct uvm_config){});

		guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 64, i);
		uvm_page_out(uvm, MEM_GPA, 64);
		uvm_free(uvm);
	}
	EXPECT_EQ(before.metadata_bytes, uvmem_get_pool().metadata_bytes)
		TH_LOG("metadata is left behind");
}

TEST_HARNESS_MAIN
