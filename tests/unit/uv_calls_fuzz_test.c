// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * uv_calls_fuzz_test.c - hypercalls that nobody thought of, by many vCPUs at once, which
 * give calls up half way, on a VM where pages do not move now and then
 *
 * The toy VM asserts that no range leaves the memslots, that locks are balanced and
 * that no lock is held while pages move. Here: every call ends, with a code of the
 * ABI; cursors are counted right; and what a call that was alone says is so.
 *
 * FUZZ_SEED=n repeats a run; FUZZ_STEPS=n makes it longer.
 */
#include "toy_vm.h"

#include <stdlib.h>
#include <time.h>

#include "random.h"

#define DEFAULT_STEPS	60000
#define ALONE_CALLS	3000

static struct rng rng;

/* What each vCPU is in the middle of. */
static struct pending {
	bool active;
	unsigned long nr, a[3];
} pending[ARRAY_LEN(vcpu)];

static u64 number_from_env(const char *name, u64 otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 0) : otherwise;
}

static void begin(u64 seed)
{
	setup(NULL);
	memset(pending, 0, sizeof(pending));
	rng.state = seed;
	print_message("# FUZZ_SEED=%llu\n", (unsigned long long)seed);
}

/* ---- what is asked -------------------------------------------------------------------- */

static u64 any_gfn(void)
{
	static const u64 odd[] = {
		0, 1, 0x1ff, HOLE, HOLE + 0xff, ROM, ROM + 0xf, ROM + 0x10, BIG - 1, BIG, 0x43ff,
		0x4400, NR_GFNS - 1, NR_GFNS, TOP, UVMEM_MAX_GFN - 1, UVMEM_MAX_GFN, ~0ull,
		~0ull >> 12, 1ull << 63,
	};

	switch (rng_below(&rng, 4)) {
	case 0:
		return rng_pick(&rng, odd);
	case 1:
		return rng_below(&rng, NR_GFNS / 512) * 512;
	case 2:
		return rng_next(&rng) >> rng_below(&rng, 64);
	default:
		return rng_below(&rng, NR_GFNS);
	}
}

static u64 any_count(u64 gfn)
{
	const u64 odd[] = {
		0, 1, 511, 512, 513, 4096, 4097, BIG_NR, BIG_NR + 1, UVMEM_MAX_GFN,
		UVMEM_MAX_GFN - gfn, UVMEM_MAX_GFN - gfn + 1, ~0ull, -gfn, NR_GFNS - gfn,
	};

	return rng_one_in(&rng, 2) ? rng_pick(&rng, odd) : rng_range(&rng, 1, 64);
}

static void draw(struct pending *p)
{
	static const unsigned long nrs[] = {
		H_SVM_PAGE_IN, H_SVM_PAGE_IN, H_SVM_PAGE_OUT, H_SVM_INIT_START, H_SVM_INIT_DONE,
		H_SVM_INIT_ABORT, UV_ESM, UV_SHARE_PAGE, UV_SHARE_PAGE, UV_UNSHARE_PAGE,
		UV_UNSHARE_PAGE, UV_UNSHARE_ALL_PAGES, KVM_HC_MAP_GPA_RANGE,
		KVM_HC_MAP_GPA_RANGE, UV_REGISTER_MEM_SLOT, UV_PAGE_IN, UV_SVM_TERMINATE, 0xef10,
	};
	u64 gfn = any_gfn();

	*p = (struct pending){ .active = true, .nr = rng_pick(&rng, nrs) };
	switch (p->nr) {
	case H_SVM_PAGE_IN:
	case H_SVM_PAGE_OUT:
		p->a[0] = gfn << 12 | (rng_one_in(&rng, 16) ? rng_below(&rng, 4096) : 0);
		p->a[1] = rng_one_in(&rng, 8) ? rng_next(&rng) : rng_below(&rng, 2);
		p->a[2] = rng_one_in(&rng, 8) ? rng_next(&rng) : rng_one_in(&rng, 2) ? 12 : 21;
		break;
	case UV_ESM:
		p->a[0] = rng_one_in(&rng, 8);
		p->a[1] = rng_one_in(&rng, 8);
		break;
	case KVM_HC_MAP_GPA_RANGE:
		p->a[0] = gfn << 12;
		p->a[1] = any_count(gfn);
		p->a[2] = rng_one_in(&rng, 16) ? rng_next(&rng) :
			rng_below(&rng, 2) * UVMEM_MAP_ENCRYPTED | rng_below(&rng, 3);
		break;
	default:
		p->a[0] = gfn;
		p->a[1] = any_count(gfn);
	}
}

/* ---- what goes wrong ------------------------------------------------------------------- */

static void draw_faults(void)
{
	static const enum uvmem_reason reasons[] = {
		UVMEM_REASON_PINNED, UVMEM_REASON_RACED, UVMEM_REASON_BUSY,
		UVMEM_REASON_NO_FRAME, UVMEM_REASON_NO_MEMORY, UVMEM_REASON_FOREIGN,
	};

	switch (rng_below(&rng, 6)) {
	case 0:
		why_not[rng_below(&rng, NR_GFNS)] = 1 + rng_pick(&rng, reasons);
		break;
	case 1:
		memset(why_not, 0, sizeof(why_not));
		break;
	case 2:
		transient = rng_below(&rng, 50);
		break;
	case 3:
		give_up_after = rng_below(&rng, 600);
		break;
	case 4:
		signals = rng_below(&rng, 3);
		break;
	default:
		abort_again = rng_below(&rng, 4);
		abort_err = rng_one_in(&rng, 4) ? -EBUSY : 0;
	}
}

static void no_faults(void)
{
	memset(why_not, 0, sizeof(why_not));
	transient = 0;
	give_up_after = 0;
	signals = 0;
	abort_again = 0;
	abort_err = 0;
}

/* ---- what must hold ---------------------------------------------------------------------- */

static void check_cursors(void)
{
	unsigned int i, n = 0;

	for (i = 0; i < UVMEM_HC_CURSORS; i++)
		n += vm.hc.cursors[i].nr != 0;
	assert_int_equal(vm.hc.nr_cursors, n);
}

/* One step of what @cpu does; true: it has ended. */
static bool go_on(unsigned int cpu)
{
	struct pending *p = &pending[cpu];
	enum kvm_uvmem_hypercall_result result;
	long ret;

	result = step(cpu, p->nr, p->a[0], p->a[1], p->a[2], &ret);
	check_cursors();
	if (result == KVM_UVMEM_HC_AGAIN) {
		/* A guest that is being stopped asks for nothing any more. */
		if (!stopped)
			return false;
		stopped = UVMEM_STOP_NONE;
		p->active = false;
		return true;
	}
	p->active = false;
	if (result == KVM_UVMEM_HC_NONE)
		assert_null(uvmem_hypercall_name(p->nr));
	else if (p->nr == KVM_HC_MAP_GPA_RANGE)
		assert_true(ret == 0 || ret == -KVM_EINVAL || ret == -KVM_EPERM ||
			    ret == -KVM_EFAULT);
	else
		assert_non_null(uvmem_h_name(ret));
	return true;
}

static void calls_of_many_vcpus_end_with_a_code(void **unused)
{
	u64 steps = number_from_env("FUZZ_STEPS", DEFAULT_STEPS), i;
	unsigned int cpu;

	(void)unused;
	begin(number_from_env("FUZZ_SEED", time(NULL)));
	for (i = 0; i < steps; i++) {
		cpu = rng_below(&rng, ARRAY_LEN(vcpu));
		if (rng_one_in(&rng, 20))
			draw_faults();
		/* Now and then a vCPU leaves its call, as by kexec. */
		if (!pending[cpu].active || rng_one_in(&rng, 40))
			draw(&pending[cpu]);
		go_on(cpu);
	}

	/*
	 * When nothing goes wrong any more each comes to its end, one after the other:
	 * two that want the opposite of the same pages wind each other back for as
	 * long as both go on.
	 */
	no_faults();
	for (cpu = 0; cpu < ARRAY_LEN(vcpu); cpu++) {
		/* One that was stopped in the middle is where it was until it calls again. */
		if (!pending[cpu].active)
			pending[cpu] = (struct pending){ .nr = H_SVM_INIT_DONE, .active = true };
		for (i = 0; pending[cpu].active && i < 1000; i++)
			go_on(cpu);
		assert_false(pending[cpu].active);
	}
	assert_int_equal(vm.hc.nr_cursors, 0);
}

/* Is all of the range that can be as the call wanted? */
static void check_range(u64 gfn, u64 nr, bool shared)
{
	u64 end = min(gfn + nr, (u64)NR_GFNS);

	for (; gfn < end; gfn++) {
		if (!slot_of(gfn) || slot_of(gfn)->rom)
			continue;
		assert_int_equal(state[gfn] == UVMEM_PAGE_SHARED, shared);
		assert_int_not_equal(state[gfn], UVMEM_PAGE_NORMAL);
	}
}

static void a_call_that_is_alone_does_what_it_says(void **unused)
{
	u64 seed = number_from_env("FUZZ_SEED", time(NULL)), i, done = 0;

	(void)unused;
	begin(seed);
	make_secure();
	for (i = 0; i < ALONE_CALLS; i++) {
		struct pending *p = &pending[0];
		long ret;

		/* Others are in the middle of something, and stay there. */
		if (rng_one_in(&rng, 4)) {
			unsigned int cpu = rng_range(&rng, 1, ARRAY_LEN(vcpu) - 1);

			give_up_after = rng_range(&rng, 1, 600);
			draw(&pending[cpu]);
			go_on(cpu);
		}
		no_faults();
		/* Pages that move at the second attempt, or later. */
		transient = rng_one_in(&rng, 3) ? rng_below(&rng, 20) : 0;
		/* No call leads back from SECURE. */
		assert_int_equal(vm.state, UVMEM_VM_SECURE);
		draw(p);
		if (!uvmem_hypercall_name(p->nr))
			continue;
		ret = call(p->nr, p->a[0], p->a[1], p->a[2]);
		if (ret)
			continue;
		done++;
		switch (p->nr) {
		case UV_SHARE_PAGE:
			check_range(p->a[0], p->a[1], true);
			break;
		case UV_UNSHARE_PAGE:
			check_range(p->a[0], p->a[1], false);
			break;
		case UV_UNSHARE_ALL_PAGES:
			assert_int_equal(count(UVMEM_PAGE_SHARED), 0);
			break;
		case KVM_HC_MAP_GPA_RANGE:
			check_range(p->a[0] >> 12, p->a[1], !(p->a[2] & UVMEM_MAP_ENCRYPTED));
			break;
		case H_SVM_PAGE_IN:
			check_range(p->a[0] >> 12, 1ull << (p->a[2] - 12), p->a[1]);
			break;
		}
	}
	assert_true(done > ALONE_CALLS / 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_of_many_vcpus_end_with_a_code),
		cmocka_unit_test(a_call_that_is_alone_does_what_it_says),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
