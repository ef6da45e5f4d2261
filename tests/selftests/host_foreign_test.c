// SPDX-License-Identifier: GPL-2.0-only
/*
 * host_foreign_test - another owner of device-private memory at work in the VMM's
 * address space: the kernel's test_hmm.ko. Neither side takes the other's pages; what
 * the guest needs comes back as for any access. lib/host_table.h says what must happen.
 */
#include <fcntl.h>
#include <libgen.h>
#include <sys/mman.h>
#include <sys/syscall.h>

#include "test_hmm_uapi.h"

#include "host.h"
#include "search.h"

#define DEVICE	"/dev/hmm_dmirror0"

/* The kernel's own module if it has one (tests/vm/kernels), else the one beside this program. */
static void load_test_hmm(void)
{
	char path[512] = {}, module[600];
	int fd;

	if (!system("modprobe -q test_hmm"))
		return;
	TEST_ASSERT(readlink("/proc/self/exe", path, sizeof(path) - 1) > 0, "readlink");
	snprintf(module, sizeof(module), "%s/test_hmm.ko", dirname(path));
	fd = open(module, O_RDONLY);
	TEST_ASSERT(fd >= 0 && !syscall(__NR_finit_module, fd, "", 0), "%s: %s", module,
		    strerror(errno));
	close(fd);
}

/* The file mirrors the address space of the process that opens it. */
static int mirror_open(void)
{
	if (access(DEVICE, F_OK))
		load_test_hmm();
	return open(DEVICE, O_RDWR);
}

static int mirror(int fd, unsigned long request, void *mem, void *buffer, u64 pages,
		  u64 *ret_pages)
{
	struct hmm_dmirror_cmd cmd = {
		.addr = (u64)mem,
		.ptr = (u64)buffer,
		.npages = pages,
	};
	int ret = ioctl(fd, request, &cmd) ? -errno : 0;

	if (ret_pages)
		*ret_pages = cmd.cpages;
	return ret;
}

static void mirror_close(struct host_page *page)
{
	close(page->fd[0]);
}

static void begin(struct host_page *page)
{
	page->fd[0] = mirror_open();
	TEST_ASSERT(page->fd[0] >= 0, DEVICE ": %s", strerror(errno));
	page->undo = mirror_close;
}

/* What page it is by the device's idea; it looks without moving anything. */
static u8 mirror_sees(int fd, void *mem)
{
	u8 perm = 0;

	TEST_ASSERT(!mirror(fd, HMM_DMIRROR_SNAPSHOT, mem, &perm, 1, NULL), "snapshot: %s",
		    strerror(errno));
	return perm;
}

static bool is_mirrors(u8 perm)
{
	return (perm & 0xf0) == HMM_DMIRROR_PROT_DEV_PRIVATE_LOCAL;
}

/*
 * It shows what it took: of a page that is not its own it says ENOENT. A handle is
 * no memory of its, and was not touched.
 */
static int foreign_takes(struct host_page *page)
{
	u8 data[PAGE_SIZE];
	int ret;

	begin(page);
	ret = mirror(page->fd[0], HMM_DMIRROR_MIGRATE_TO_DEV, page->mem, data, 1, NULL);
	TEST_ASSERT_EQ(is_mirrors(mirror_sees(page->fd[0], page->mem)), !ret);
	if (!ret)
		host_assert_sees(page, data, PAGE_SIZE);
	return ret;
}

static int foreign_excludes(struct host_page *page)
{
	u8 data[PAGE_SIZE];
	int ret;

	begin(page);
	ret = mirror(page->fd[0], HMM_DMIRROR_EXCLUSIVE, page->mem, data, 1, NULL);
	if (!ret)
		host_assert_sees(page, data, PAGE_SIZE);
	return ret;
}

static int foreign_reads(struct host_page *page)
{
	u8 data[PAGE_SIZE];
	int ret;

	begin(page);
	ret = mirror(page->fd[0], HMM_DMIRROR_READ, page->mem, data, 1, NULL);
	host_assert_sees(page, data, PAGE_SIZE);
	return ret;
}

static int foreign_writes(struct host_page *page)
{
	u8 data[PAGE_SIZE];

	begin(page);
	memset(data, HOST_BYTE, PAGE_SIZE);
	page->seen = HOST_BYTE;
	return mirror(page->fd[0], HMM_DMIRROR_WRITE, page->mem, data, 1, NULL);
}

#define HOST_ROWS HOST_FOREIGN_ROWS
#include "host_rows.h"

/* ---- ranges in which both have pages --------------------------------------------------- */

#define PAGES	64

FIXTURE(foreign)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
	u8 *mem;
	u8 *data;
	int fd;
};

FIXTURE_SETUP(foreign)
{
	self->uvm = uvm_create(&(struct uvm_config){});
	self->vcpu = self->uvm->vcpu[0];
	self->mem = uvm_hva(self->uvm, MEM_GPA);
	self->data = malloc(PAGES * PAGE_SIZE);
	self->fd = mirror_open();
	ASSERT_LE(0, self->fd);
	guest_call(self->vcpu, guest_fill, MEM_GPA, PAGES, 1);
}

FIXTURE_TEARDOWN(foreign)
{
	close(self->fd);
	free(self->data);
	uvm_assert_sums(self->uvm);
	uvm_free(self->uvm);
}

TEST_F(foreign, pages_are_left_alone_by_a_prefetch_and_counted)
{
	struct uvm *uvm = self->uvm;
	struct uvmem_range range;
	u64 i, taken;

	uvm_esm(uvm);
	uvm_page_out_all(uvm, MEM_GPA, PAGES);
	/* Every other page is the device's: it has ciphertext. */
	for (i = 0; i < PAGES; i += 2) {
		ASSERT_EQ(0, mirror(self->fd, HMM_DMIRROR_MIGRATE_TO_DEV, self->mem + i * PAGE_SIZE,
				    self->data, 1, &taken));
		ASSERT_EQ(1, taken);
	}
	ASSERT_EQ(0, __uvm_move(uvm, UVMEM_VM_PAGE_IN, MEM_GPA, PAGES, 0, &range));
	EXPECT_EQ(PAGES / 2, range.moved);
	EXPECT_EQ(PAGES / 2, range.skipped[UVMEM_REASON_FOREIGN]);
	EXPECT_EQ(PAGES / 2, uvm_stat(uvm, "skipped_foreign"));
	for (i = 0; i < PAGES; i++) {
		EXPECT_EQ(i % 2 ? UVMEM_PAGE_IN : UVMEM_PAGE_OUT, uvm_state(uvm, mem_page(i)));
		EXPECT_EQ(!(i % 2), is_mirrors(mirror_sees(self->fd, self->mem + i * PAGE_SIZE)));
	}
	uvm_assert_sums(uvm);

	/* A page-out does not take them for handles. */
	EXPECT_EQ(PAGES / 2, uvm_page_out(uvm, MEM_GPA, PAGES));
	for (i = 0; i < PAGES; i += 2)
		EXPECT_TRUE(is_mirrors(mirror_sees(self->fd, self->mem + i * PAGE_SIZE)));
	/* The guest needs them. */
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	EXPECT_EQ(PAGES, uvm_count(uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	assert_no_markers(SEARCH_TOUCH);
}

TEST_F(foreign, pages_become_secure_with_their_content)
{
	u64 taken;

	ASSERT_EQ(0, mirror(self->fd, HMM_DMIRROR_MIGRATE_TO_DEV, self->mem, self->data, PAGES,
			    &taken));
	ASSERT_EQ(PAGES, taken);
	/* At the first call: they are no reason to be busy. */
	EXPECT_EQ(U_SUCCESS, hypercall(self->vcpu, UV_ESM));
	memset(self->data, 0, PAGES * PAGE_SIZE);
	EXPECT_EQ(PAGES, uvm_count(self->uvm, MEM_GPA, PAGES, UVMEM_PAGE_IN));
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	assert_no_markers(SEARCH_TOUCH);
}

TEST_F(foreign, device_never_takes_handles_out_of_a_range)
{
	struct uvm *uvm = self->uvm;
	u64 i, taken;

	uvm_esm(uvm);
	uvm_page_out_all(uvm, mem_page(PAGES / 2), PAGES / 2);
	/* The range as a whole: it says ENOENT about what it could not take. */
	EXPECT_EQ(-ENOENT, mirror(self->fd, HMM_DMIRROR_MIGRATE_TO_DEV, self->mem, self->data,
				  PAGES, &taken));
	for (i = 0; i < PAGES; i++)
		EXPECT_EQ(i >= PAGES / 2,
			  is_mirrors(mirror_sees(self->fd, self->mem + i * PAGE_SIZE)));
	uvm_assert_state(uvm, MEM_GPA, PAGES / 2, UVMEM_PAGE_IN);
	uvm_assert_sums(uvm);
	/* And back: the handles are not the device's to give. */
	mirror(self->fd, HMM_DMIRROR_MIGRATE_TO_SYS, self->mem, self->data, PAGES, &taken);
	uvm_assert_state(uvm, MEM_GPA, PAGES / 2, UVMEM_PAGE_IN);
	EXPECT_EQ(GUEST_OK, guest_call(self->vcpu, guest_verify, MEM_GPA, PAGES, 1));
	assert_no_markers(SEARCH_TOUCH);
}

TEST_HARNESS_MAIN
