// SPDX-License-Identifier: GPL-2.0-only
/*
 * demo - a secure guest, seen from the process that runs it
 *
 * Runs inside the testbed VM (tests/demo/run). Every figure printed is measured in
 * this run. Exit status 0 only if everything that is claimed was so.
 */
#include <stdarg.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <time.h>

#include "kselftest.h"

#include "search.h"
#include "vm.h"

#define MEM_PAGES	(6 * HUGE_PAGES)
#define ZERO_PAGES	HUGE_PAGES		/* the last 2 MiB hold one byte only */
#define DATA_PAGES	(MEM_PAGES - ZERO_PAGES)
#define SEED		2026
#define WRITE_SECONDS	3

static int faults;
static double now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec + ts.tv_nsec * 1e-9;
}

static void title(const char *text)
{
	static int nr;

	printf("\n%d. %s\n", ++nr, text);
}

static void __printf(1, 2) say(const char *fmt, ...)
{
	va_list args;

	printf("   ");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
}

/* A claim that the demo makes; it must be true. */
static void __printf(2, 3) claim(bool ok, const char *fmt, ...)
{
	va_list args;

	printf("   %s ", ok ? "ok  " : "FAIL");
	va_start(args, fmt);
	vprintf(fmt, args);
	va_end(args);
	printf("\n");
	faults += !ok;
}

static void dump(const char *what, const void *data)
{
	const u8 *byte = data;
	int i;

	printf("   %-28s", what);
	for (i = 0; i < 16; i++)
		printf(" %02x", byte[i]);
	printf("\n");
}

static double us_per_page(double seconds, u64 pages)
{
	return pages ? seconds * 1e6 / pages : 0;
}

static u64 mib(u64 pages)
{
	return pages * PAGE_SIZE >> 20;
}

/* ---- the figures of the closing table ------------------------------------------------- */

static struct {
	double esm_us, out_hypercall_us, out_ioctl_us, in_ioctl_us, in_fault_us;
	u64 markers_before, markers_after, pages_searched, rounds, moved_under_writes;
	u64 metadata, frames_in, frames_out;
} result;

/* ---- the guest writes while the host moves ---------------------------------------------- */

struct churn {
	u64 gpa, pages, lost_at;
};

static bool churn_step(struct kvm_vcpu *vcpu, void *opaque, u64 round)
{
	struct churn *churn = opaque;
	u64 ret = guest_call(vcpu, guest_churn, churn->gpa, churn->pages, round * 2, 2);

	if (ret != GUEST_OK)
		churn->lost_at = ret;
	return ret == GUEST_OK;
}

static void write_while_moving(struct uvm *uvm)
{
	struct guest_thread threads[2] = {};
	struct churn churn[2] = {};
	double end = now() + WRITE_SECONDS;
	unsigned int seed = 1;
	u64 first, nr, lost = 0;
	int i;

	for (i = 0; i < 2; i++) {
		churn[i] = (struct churn){ .gpa = mem_page(i * HUGE_PAGES), .pages = HUGE_PAGES };
		threads[i] = (struct guest_thread){
			.vcpu = uvm->vcpu[i], .step = churn_step, .opaque = &churn[i],
		};
		guest_thread_start(&threads[i]);
	}
	while (now() < end) {
		first = rand_r(&seed) % (2 * HUGE_PAGES);
		nr = 1 + rand_r(&seed) % (2 * HUGE_PAGES - first);
		result.moved_under_writes += uvm_page_out(uvm, mem_page(first), nr);
	}
	for (i = 0; i < 2; i++) {
		guest_thread_stop(&threads[i], 1);
		result.rounds += threads[i].rounds * 2;
		lost += !!churn[i].lost_at;
	}
	claim(!lost && result.moved_under_writes,
	      "in %d s %lu pages left under the writing guest, which wrote 4 MiB %lu times over: no write was lost", WRITE_SECONDS, result.moved_under_writes, result.rounds / 2);
}

/* ---- the story ---------------------------------------------------------------------------- */

static struct uvm *begin(void)
{
	struct uvm_config config = {
		.nr_vcpus = 2, .mem_pages = MEM_PAGES, .src = VM_MEM_SRC_ANONYMOUS_THP,
	};
	struct uvmem_info info = { .size = sizeof(info) };
	struct search_result found;
	struct uvmem_pool pool;
	struct uvm *uvm;

	title("A VM is armed and its guest fills its memory");
	TEST_ASSERT(!ioctl(uvmem_dev(), UVMEM_GET_INFO, &info), "UVMEM_GET_INFO");
	pool = uvmem_get_pool();
	say("/dev/kvm-uvmem: interface %u, at most %lu MiB of secure memory on this host",
	    info.api_version, mib(pool.frames_limit));
	uvm = uvm_create(&config);
	guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, DATA_PAGES, SEED);
	guest_call(uvm->vcpu[0], guest_fill_byte, mem_page(DATA_PAGES), ZERO_PAGES, 0);
	say("VM %lu: 2 vCPUs, %lu MiB of memory, of which the guest filled %lu MiB with secrets and %lu MiB with zeroes", uvm->id, mib(MEM_PAGES + SLOT0_PAGES), mib(DATA_PAGES),
	    mib(ZERO_PAGES));
	found = search_markers(SEARCH_PRESENT);
	result.markers_before = found.markers;
	dump("the VMM sees", uvm_hva(uvm, mem_page(5)));
	claim(found.markers >= DATA_PAGES * PAGE_SIZE / 16,
	      "not secure yet: the VMM's memory holds the guest's secret %lu times", found.markers);
	return uvm;
}

static void enter_secure_mode(struct uvm *uvm)
{
	struct search_result found;
	struct uvmem_vm_info info;
	double start;

	title("The guest enters secure mode (UV_ESM)");
	start = now();
	uvm_esm(uvm);
	start = now() - start;
	uvm_info(uvm, &info);
	result.esm_us = us_per_page(start, info.pages[UVMEM_PAGE_IN]);
	result.frames_in = info.frames;
	say("%llu pages went into secure frames, %llu untouched ones take no memory; %.0f ms",
	    info.pages[UVMEM_PAGE_IN], info.pages[UVMEM_PAGE_ABSENT], start * 1e3);
	found = search_markers(SEARCH_PRESENT);
	claim(!found.markers, "the VMM's memory, %lu pages of it, holds the secret %lu times",
	      found.pages, found.markers);
	claim(guest_call(uvm->vcpu[1], guest_verify, MEM_GPA, DATA_PAGES, SEED) == GUEST_OK,
	      "the guest finds every byte that it wrote");
}

static void page_out_and_in(struct uvm *uvm)
{
	struct uvmem_vm_info info;
	double start;
	u64 i, moved;

	title("Pages leave secure memory, sealed, and come back");
	start = now();
	for (i = 0; i < 2; i++)
		TEST_ASSERT(!hypercall_patient(uvm->vcpu[0], H_SVM_PAGE_OUT, MEM_GPA + i * HUGE_SIZE,
					       0, UVMEM_ORDER_2M), "H_SVM_PAGE_OUT");
	result.out_hypercall_us = us_per_page(now() - start, 2 * HUGE_PAGES);
	say("by hypercall, the guest's own wish: 4 MiB, %.1f us per page", result.out_hypercall_us);

	start = now();
	moved = uvm_page_out(uvm, mem_page(2 * HUGE_PAGES), DATA_PAGES - 2 * HUGE_PAGES);
	result.out_ioctl_us = us_per_page(now() - start, moved);
	say("by ioctl, the host's wish: %lu MiB, %.1f us per page", mib(moved),
	    result.out_ioctl_us);
	moved = uvm_page_out(uvm, mem_page(DATA_PAGES), ZERO_PAGES);
	uvm_info(uvm, &info);
	result.frames_out = info.frames;
	result.metadata = info.metadata_bytes;
	claim(info.pages[UVMEM_PAGE_ZERO] >= ZERO_PAGES,
	      "of %lu pages full of zeroes nothing is kept but the byte", moved);
	claim(uvm_count(uvm, MEM_GPA, DATA_PAGES, UVMEM_PAGE_OUT) == DATA_PAGES,
	      "all %lu MiB of secrets are out; %llu frames are left in use", mib(DATA_PAGES),
	      info.frames);
	dump("the VMM sees", uvm_hva(uvm, mem_page(5)));
	claim(!search_markers(SEARCH_TOUCH).markers, "and nowhere the secret");

	start = now();
	moved = uvm_page_in(uvm, MEM_GPA, 2 * HUGE_PAGES);
	result.in_ioctl_us = us_per_page(now() - start, moved);
	say("back by ioctl: %lu MiB, %.1f us per page", mib(moved), result.in_ioctl_us);
	moved = uvm_count(uvm, MEM_GPA, MEM_PAGES, UVMEM_PAGE_OUT);
	start = now();
	guest_call(uvm->vcpu[0], guest_touch, mem_page(2 * HUGE_PAGES), DATA_PAGES - 2 * HUGE_PAGES);
	result.in_fault_us = us_per_page(now() - start, moved);
	say("back by the guest's own accesses: %lu MiB, %.1f us per page", mib(moved),
	    result.in_fault_us);
	claim(guest_call(uvm->vcpu[0], guest_verify, MEM_GPA, DATA_PAGES, SEED) == GUEST_OK &&
	      guest_call(uvm->vcpu[0], guest_verify_byte, mem_page(DATA_PAGES), ZERO_PAGES, 0) ==
	      GUEST_OK, "the guest finds every byte that it wrote");
	uvm_assert_sums(uvm);
}

static void host_looks(struct uvm *uvm)
{
	struct search_result found;

	title("The host looks at the guest's memory");
	found = search_markers(SEARCH_TOUCH);
	result.markers_after = found.markers;
	result.pages_searched = found.pages;
	claim(!found.markers, "the VMM read all of its memory, %lu pages: the secret was there %lu times", found.pages, found.markers);
	say("each look took a page out, sealed: %lu of them", uvm_stat(uvm, "page_out_host_touch"));
	claim(guest_call(uvm->vcpu[1], guest_verify, mem_page(2 * HUGE_PAGES),
			 DATA_PAGES - 2 * HUGE_PAGES, SEED) == GUEST_OK,
	      "the guest did not notice");
}

static void tamper(struct uvm *uvm)
{
	struct uvm *other = uvm_create_secure(&(struct uvm_config){});
	u64 gpa = mem_page(3 * HUGE_PAGES + 7), result_of_call;
	const struct kvm_run *run = uvm->vcpu[0]->run;
	enum run_status status;
	u8 *byte;

	title("The host tampers with it");
	guest_call(other->vcpu[0], guest_fill, MEM_GPA, 64, 1);
	uvm_page_out(other, MEM_GPA, 64);
	uvm_page_out(uvm, gpa, 1);
	byte = (u8 *)uvm_hva(uvm, gpa) + 1234;
	say("one bit of one byte of the page at gpa 0x%lx, which is out: %02x becomes %02x", gpa,
	    *byte, *byte ^ 4);
	*byte ^= 4;
	guest_start(uvm->vcpu[0], guest_verify, gpa, 1, SEED);
	status = guest_run(uvm->vcpu[0], &result_of_call);
	claim(status == RUN_STOPPED && run->internal.data[0] == UVMEM_STOP_INTEGRITY &&
	      run->internal.data[1] == gpa,
	      "the guest was stopped before it read a byte of it: reason %llu (integrity), gpa 0x%llx",
	      run->internal.data[0], run->internal.data[1]);
	guest_start(uvm->vcpu[1], guest_nop);
	claim(guest_run(uvm->vcpu[1], &result_of_call) == RUN_STOPPED, "so was its other vCPU");
	claim(guest_call(other->vcpu[0], guest_verify, MEM_GPA, 64, 1) == GUEST_OK,
	      "VM %lu, beside it, goes on", other->id);
	uvm_free_unchecked(other);
}

static const char *row_format = "   %-46s %12s\n";

static void __printf(2, 3) row(const char *what, const char *fmt, ...)
{
	char value[64];
	va_list args;

	va_start(args, fmt);
	vsnprintf(value, sizeof(value), fmt, args);
	va_end(args);
	printf(row_format, what, value);
}

static void table(struct uvm *uvm)
{
	printf("\n   %-46s %12s\n", "What happened to this guest", "");
	printf("   -----------------------------------------------------------\n");
	row("pages taken in by UV_ESM and hypercall", "%lu", uvm_stat(uvm, "page_in_hypercall"));
	row("pages taken in by the guest's faults", "%lu", uvm_stat(uvm, "page_in_guest_fault"));
	row("pages taken in by ioctl", "%lu", uvm_stat(uvm, "page_in_prefetch"));
	row("pages put out by hypercall", "%lu", uvm_stat(uvm, "page_out_hypercall"));
	row("pages put out by ioctl", "%lu", uvm_stat(uvm, "page_out_reclaim"));
	row("pages put out because the host looked", "%lu", uvm_stat(uvm, "page_out_host_touch"));
	row("pages sealed / unsealed", "%lu / %lu", uvm_stat(uvm, "sealed"),
	    uvm_stat(uvm, "unsealed"));
	row("pages that left without storage", "%lu", uvm_stat(uvm, "same_filled"));
	row("forgeries found", "%lu", uvm_stat(uvm, "integrity_failures"));
	row("the secret in the VMM's memory, before UV_ESM", "%lu", result.markers_before);
	row("and after it", "%lu", result.markers_after);
	row("frames, all in / all out", "%lu / %lu", result.frames_in, result.frames_out);
	row("metadata of the VM", "%lu KiB", result.metadata >> 10);
	row("UV_ESM, us per page", "%.1f", result.esm_us);
	row("page-out by hypercall, us per page", "%.1f", result.out_hypercall_us);
	row("page-out by ioctl, us per page", "%.1f", result.out_ioctl_us);
	row("page-in by ioctl, us per page", "%.1f", result.in_ioctl_us);
	row("page-in by fault, us per page", "%.1f", result.in_fault_us);
}

int main(void)
{
	struct uvmem_pool before, after;
	struct uvm *uvm;
	int i;

	setvbuf(stdout, NULL, _IOLBF, 0);
	before = uvmem_get_pool();
	uvm = begin();
	enter_secure_mode(uvm);
	page_out_and_in(uvm);
	host_looks(uvm);
	title("The guest writes while its pages are taken away");
	write_while_moving(uvm);
	tamper(uvm);
	table(uvm);

	title("The VM ends");
	uvm_free_unchecked(uvm);
	for (i = 0; i < 500; i++) {
		after = uvmem_get_pool();
		if (after.vms == before.vms && !after.handles_used)
			break;
		usleep(10000);
	}
	claim(!after.frames_used && !after.handles_used && !after.seals && !after.keys && !after.vms,
	      "what is left: %llu frames, %llu handles, %llu seals, %llu keys, %llu VMs",
	      after.frames_used, after.handles_used, after.seals, after.keys, after.vms);
	printf("\n%s\n", faults ? "Something above is not as it should be." :
	       "All of it was as it should be.");
	return faults ? 1 : 0;
}
