// SPDX-License-Identifier: GPL-2.0-only
/*
 * stats_test - the statistics of a VM: KVM's binary layout, and figures that add up
 */
#include <fcntl.h>

#include "harness.h"

#include "vm.h"

/* By enum uvmem_cause. */
static const char * const causes[] = {
	"guest_fault", "hypercall", "host_touch", "reclaim", "prefetch", "teardown", "kernel",
};
_Static_assert(ARRAY_SIZE(causes) == UVMEM_NR_CAUSES, "a name for each cause");

static u64 stat_of(struct uvm *uvm, const char *prefix, const char *what)
{
	char name[64];

	snprintf(name, sizeof(name), "%s_%s", prefix, what);
	return uvm_stat(uvm, name);
}

static u64 sum_of_causes(struct uvm *uvm, const char *prefix)
{
	u64 sum = 0;
	int i;

	for (i = 0; i < UVMEM_NR_CAUSES; i++)
		sum += stat_of(uvm, prefix, causes[i]);
	return sum;
}

TEST(stats_file_has_the_layout_of_kvms)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	int fd = ioctl(uvm->fd, UVMEM_VM_GET_STATS_FD, 0), i, j;
	struct kvm_stats_header header;
	struct kvm_stats_desc *descs, *d, *e;
	u64 end = 0, *data;
	char id[1024];

	ASSERT_LE(0, fd);
	/* As in kvm_binary_stats_test of the kernel. */
	read_stats_header(fd, &header);
	ASSERT_LT(0, header.num_desc);
	ASSERT_EQ(0, header.name_size % 8);
	ASSERT_GE(sizeof(id), header.name_size);
	EXPECT_TRUE(header.desc_offset && header.desc_offset >= sizeof(header));
	EXPECT_LT(header.desc_offset, header.data_offset);
	ASSERT_EQ(header.name_size, pread(fd, id, header.name_size, header.id_offset));
	EXPECT_EQ(0, memcmp(id, "kvm-uvmem-", 10));
	EXPECT_NE(NULL, memchr(id, '\0', header.name_size));

	descs = read_stats_descriptors(fd, &header);
	for (i = 0; i < header.num_desc; i++) {
		d = get_stats_descriptor(descs, i, &header);
		EXPECT_GE(KVM_STATS_TYPE_MAX, d->flags & KVM_STATS_TYPE_MASK);
		EXPECT_GE(KVM_STATS_UNIT_MAX, d->flags & KVM_STATS_UNIT_MASK);
		EXPECT_GE(KVM_STATS_BASE_MAX, d->flags & KVM_STATS_BASE_MASK);
		EXPECT_LT(0, strlen(d->name));
		EXPECT_GT(header.name_size, strlen(d->name));
		EXPECT_LT(0, d->size);
		EXPECT_EQ(0, d->offset % 8);
		end = max(end, (u64)d->offset + d->size * 8);
		if ((d->flags & KVM_STATS_TYPE_MASK) == KVM_STATS_TYPE_LOG_HIST)
			EXPECT_LT(1, d->size);
		for (j = 0; j < i; j++) {
			e = get_stats_descriptor(descs, j, &header);
			EXPECT_NE(0, strcmp(d->name, e->name)) TH_LOG("%s twice", d->name);
			EXPECT_TRUE(d->offset + d->size * 8 <= e->offset ||
				    e->offset + e->size * 8 <= d->offset)
				TH_LOG("%s and %s overlap", d->name, e->name);
		}
	}
	/* The data block ends where the last value does. */
	data = malloc(end + 8);
	EXPECT_EQ(end, pread(fd, data, end + 8, header.data_offset));
	free(data);
	free(descs);
	close(fd);
	uvm_free(uvm);
}

TEST(stats_agree_with_the_vms_information)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .max_frames = 100000 });
	struct uvmem_vm_info info;

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 64, 1);
	uvm_esm(uvm);
	guest_call(uvm->vcpu[0], guest_fill_byte, MEM_GPA, 8, 1);
	uvm_page_out(uvm, MEM_GPA, 32);
	uvm_info(uvm, &info);
	EXPECT_EQ(info.state, uvm_stat(uvm, "state"));
	EXPECT_EQ(info.stop_reason, uvm_stat(uvm, "stop_reason"));
	EXPECT_EQ(info.pages[UVMEM_PAGE_NORMAL], uvm_stat(uvm, "pages_normal"));
	EXPECT_EQ(info.pages[UVMEM_PAGE_SHARED], uvm_stat(uvm, "pages_shared"));
	EXPECT_EQ(info.pages[UVMEM_PAGE_ABSENT], uvm_stat(uvm, "pages_absent"));
	EXPECT_EQ(info.pages[UVMEM_PAGE_IN], uvm_stat(uvm, "pages_in"));
	EXPECT_EQ(info.pages[UVMEM_PAGE_OUT], uvm_stat(uvm, "pages_out"));
	EXPECT_EQ(info.pages[UVMEM_PAGE_ZERO], uvm_stat(uvm, "pages_zero"));
	EXPECT_EQ(info.pages[UVMEM_PAGE_LOST], uvm_stat(uvm, "pages_lost"));
	EXPECT_EQ(info.registered_pages, uvm_stat(uvm, "registered_pages"));
	EXPECT_EQ(info.detached_pages, uvm_stat(uvm, "detached_pages"));
	EXPECT_EQ(info.frames, uvm_stat(uvm, "frames"));
	EXPECT_EQ(100000, uvm_stat(uvm, "max_frames"));
	EXPECT_EQ(info.metadata_bytes, uvm_stat(uvm, "metadata_bytes"));
	uvm_free(uvm);
}

TEST(stats_count_pages_by_cause)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	u64 base;
	int i;

	guest_call(vcpu, guest_fill, MEM_GPA, 256, 1);
	uvm_esm(uvm);
	EXPECT_LE(256, stat_of(uvm, "page_in", "hypercall"));
	EXPECT_EQ(0, sum_of_causes(uvm, "page_out"));

	uvm_page_out_all(uvm, MEM_GPA, 64);
	EXPECT_EQ(64, stat_of(uvm, "page_out", "reclaim"));
	EXPECT_EQ(64, uvm_stat(uvm, "sealed"));
	uvm_page_in_all(uvm, MEM_GPA, 16);
	EXPECT_EQ(16, stat_of(uvm, "page_in", "prefetch"));
	EXPECT_EQ(16, uvm_stat(uvm, "unsealed"));
	base = stat_of(uvm, "page_in", "guest_fault");
	ASSERT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, mem_page(16), 48, 1));
	EXPECT_EQ(base + 48, stat_of(uvm, "page_in", "guest_fault"));
	EXPECT_EQ(64, uvm_stat(uvm, "unsealed"));

	for (i = 0; i < 5; i++)
		uvm_host_read(uvm, mem_page(100 + i));
	EXPECT_EQ(5, stat_of(uvm, "page_out", "host_touch"));
	ASSERT_EQ(H_SUCCESS, hypercall_patient(vcpu, H_SVM_PAGE_OUT, mem_page(110), 0, 12));
	EXPECT_EQ(1, stat_of(uvm, "page_out", "hypercall"));

	guest_call(vcpu, guest_fill_byte, mem_page(120), 7, 0);
	uvm_page_out(uvm, mem_page(120), 7);
	EXPECT_EQ(7, uvm_stat(uvm, "same_filled"));
	ASSERT_EQ(U_SUCCESS, hypercall_patient(vcpu, UV_SHARE_PAGE, gpa_to_gfn(mem_page(130)), 9));
	EXPECT_EQ(9, uvm_stat(uvm, "shared"));
	uvm_free(uvm);
}

TEST(stats_histograms_have_every_batch)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct kvm_vcpu *vcpu = uvm->vcpu[0];
	u64 before;
	int i;

	guest_call(vcpu, guest_fill, MEM_GPA, 64, 1);
	uvm_esm(uvm);
	before = uvm_stat(uvm, "page_out_latency_reclaim");
	for (i = 0; i < 10; i++)
		uvm_page_out_all(uvm, mem_page(i), 1);
	EXPECT_LE(before + 10, uvm_stat(uvm, "page_out_latency_reclaim"));
	EXPECT_GE(before + 10 + uvm_stat(uvm, "retries"),
		  uvm_stat(uvm, "page_out_latency_reclaim"));
	/* One page per fault. */
	ASSERT_EQ(GUEST_OK, guest_call(vcpu, guest_verify, MEM_GPA, 10, 1));
	EXPECT_LE(10, uvm_stat(uvm, "page_in_latency_guest_fault"));
	EXPECT_EQ(0, uvm_stat(uvm, "page_in_latency_host_touch"));
	uvm_free(uvm);
}

TEST(stats_can_be_read_after_the_end)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct uvmem_pool before = uvm->before;
	struct uvm ended = { .fd = dup(uvm->fd) };

	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 64, 1);
	uvm_esm(uvm);
	uvm_page_out_all(uvm, MEM_GPA, 64);
	uvm_free_unchecked(uvm);
	uvmem_assert_nothing_left(&before);
	EXPECT_EQ(UVMEM_VM_TERMINATED, uvm_stat(&ended, "state"));
	EXPECT_EQ(64, uvm_stat(&ended, "page_out_reclaim"));
	EXPECT_EQ(0, uvm_stat(&ended, "frames"));
	EXPECT_EQ(0, uvm_stat(&ended, "pages_out"));
	close(ended.fd);
}

TEST(stats_file_is_read_only)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .no_run = true });
	int fd = ioctl(uvm->fd, UVMEM_VM_GET_STATS_FD, 0);

	ASSERT_LE(0, fd);
	EXPECT_EQ(O_RDONLY, fcntl(fd, F_GETFL) & O_ACCMODE);
	EXPECT_EQ(-1, write(fd, "x", 1));
	close(fd);
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
