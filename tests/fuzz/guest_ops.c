// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest_ops.c - what the guest does: reads and writes its memory, makes hypercalls
 *
 * expect() is hypercalls/docs/ as a function: the code that a call must return, and
 * what it does to the pages.
 */
#include <linux/kvm_para.h>
#include <signal.h>
#include <sys/time.h>

#include "fuzz.h"

/* ---- memory -------------------------------------------------------------------- */

static void set_content(struct fuzz *f, u64 gfn, u64 nr, enum page_content content, u32 seed)
{
	for (; nr; nr--, gfn++) {
		model_page(f, gfn)->content = content;
		model_page(f, gfn)->seed = seed;
	}
}

void op_fill(struct fuzz *f)
{
	u64 gfn, nr;

	if (!model_pick(f, true, 128, &gfn, &nr))
		return;
	f->fills++;
	note("guest fills 0x%lx, %lu pages", gfn, nr);
	guest_call(f->vcpu, guest_fill, gfn * PAGE_SIZE, nr, f->fills);
	set_content(f, gfn, nr, CONTENT_FILL, f->fills);
	count_result("guest fill", 0);
}

void op_fill_byte(struct fuzz *f)
{
	u8 byte = rng_one_in(&f->rng, 2) ? 0 : rng_next(&f->rng);
	u64 gfn, nr;

	if (!model_pick(f, true, 256, &gfn, &nr))
		return;
	note("guest fills 0x%lx, %lu pages with 0x%02x", gfn, nr, byte);
	guest_call(f->vcpu, guest_fill_byte, gfn * PAGE_SIZE, nr, byte);
	set_content(f, gfn, nr, CONTENT_BYTE, byte);
	count_result("guest fill byte", 0);
}

void op_verify(struct fuzz *f)
{
	u64 gfn, nr;

	if (!model_pick(f, false, 256, &gfn, &nr))
		return;
	note("guest verifies 0x%lx, %lu pages", gfn, nr);
	model_verify(f, gfn, nr);
	count_result("guest verify", 0);
}

/* ---- a guest that may be beyond repair -------------------------------------------- */

static void on_alarm(int sig)
{
}

enum guest_end guest_try(struct fuzz *f, void *fn, u64 a0, u64 a1, u64 a2, u64 a3, u64 a4)
{
	struct sigaction act = { .sa_handler = on_alarm }, old;
	struct itimerval never = {}, soon = { { 1, 0 }, { 3, 0 } };
	const struct kvm_run *run = f->vcpu->run;
	enum guest_end end = GUEST_DIED;
	struct kvm_regs regs;
	int ret, alarms = 0;

	/* Without SA_RESTART, and again each second: it may come outside of KVM_RUN. */
	TEST_ASSERT(!sigaction(SIGALRM, &act, &old), "sigaction");
	TEST_ASSERT(!setitimer(ITIMER_REAL, &soon, NULL), "setitimer");
	__guest_start(f->vcpu, fn, (const u64[GUEST_MAX_ARGS]) { a0, a1, a2, a3, a4 });
	do {
		ret = __vcpu_run(f->vcpu);
		alarms += ret < 0 && errno == EINTR;
	} while (ret < 0 && (errno == EAGAIN || (errno == EINTR && !alarms)));
	TEST_ASSERT(!setitimer(ITIMER_REAL, &never, NULL), "setitimer");
	TEST_ASSERT(!sigaction(SIGALRM, &old, NULL), "sigaction");

	if (ret < 0)
		return errno == EINTR ? GUEST_HUNG : GUEST_DIED;
	if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR &&
	    run->internal.suberror == UVMEM_SUBERROR)
		return GUEST_STOPPED;
	if (run->exit_reason == KVM_EXIT_IO && run->io.port == GUEST_PORT) {
		vcpu_regs_get(f->vcpu, &regs);
		if (regs.rdi == GUEST_EXIT_DONE)
			end = GUEST_RETURNED;
	}
	return end;
}

/* ---- hypercalls: what the documents say ---------------------------------------------- */

enum effect {
	EFFECT_NONE,
	EFFECT_SECURE,		/* plain pages become secure, content kept */
	EFFECT_SECURE_ZERO,	/* all become secure and zero */
	EFFECT_SHARE,		/* all become shared, content kept */
	EFFECT_SHARE_ZERO,
	EFFECT_TAKE_BACK,	/* shared ones become secure and zero */
	EFFECT_ABORT,		/* all become normal, content kept */
};

struct expectation {
	s64 code;
	enum effect effect;
	u64 gfn, nr;
	enum uvmem_vm_state state;	/* after it */
};

#define ALL_GFNS	(MEM_GFN + MEM_PAGES)

static bool range_valid(u64 gfn, u64 nr)
{
	u64 max = 1ull << 40;

	return nr && gfn < max && nr <= max - gfn;
}

static void expect_page(struct fuzz *f, const u64 *a, bool in, struct expectation *e)
{
	u64 order = a[2];

	if (f->state == UVMEM_VM_NORMAL) {
		e->code = H_UNSUPPORTED;
	} else if (a[1] & ~(in ? (u64)H_PAGE_IN_SHARED : 0)) {
		e->code = H_P2;
	} else if (order != UVMEM_ORDER_4K && order != UVMEM_ORDER_2M) {
		e->code = H_P3;
	} else if (a[0] & ((1ull << order) - 1) ||
		   !model_in_slots(f, a[0] >> PAGE_SHIFT, 1ull << (order - PAGE_SHIFT))) {
		e->code = H_PARAMETER;
	} else if (in) {
		e->gfn = a[0] >> PAGE_SHIFT;
		e->nr = 1ull << (order - PAGE_SHIFT);
		e->effect = a[1] & H_PAGE_IN_SHARED ? EFFECT_SHARE_ZERO : EFFECT_SECURE;
	}
}

static void expect_share(struct fuzz *f, const u64 *a, enum effect effect,
			 struct expectation *e)
{
	if (f->state != UVMEM_VM_SECURE) {
		e->code = U_INVALID;
	} else if (!model_in_slots(f, a[0], 1)) {
		e->code = U_PARAMETER;
	} else if (!model_in_slots(f, a[0], a[1])) {
		e->code = U_P2;
	} else {
		e->effect = effect;
		e->gfn = a[0];
		e->nr = a[1];
	}
}

static void expect_map(struct fuzz *f, const u64 *a, struct expectation *e)
{
	bool encrypted = a[2] & UVMEM_MAP_ENCRYPTED;
	u64 gfn = a[0] >> PAGE_SHIFT;

	if (a[0] % PAGE_SIZE || !range_valid(gfn, a[1]) ||
	    a[2] & ~(UVMEM_MAP_PAGE_SIZE | UVMEM_MAP_ENCRYPTED) ||
	    (a[2] & UVMEM_MAP_PAGE_SIZE) > UVMEM_MAP_PAGE_SIZE_MAX ||
	    (encrypted && !model_has_memory(f, gfn, a[1]))) {
		e->code = -KVM_EINVAL;
		return;
	}
	e->gfn = gfn;
	e->nr = a[1];
	if (encrypted) {
		e->effect = EFFECT_SECURE;
		if (f->state == UVMEM_VM_NORMAL)
			e->state = UVMEM_VM_SECURE;
	} else if (f->state != UVMEM_VM_NORMAL) {
		e->effect = EFFECT_SHARE;
	}
}

static struct expectation expect(struct fuzz *f, u64 nr, const u64 *a)
{
	struct expectation e = { .state = f->state, .nr = ALL_GFNS };

	switch (nr) {
	case H_SVM_PAGE_IN:
	case H_SVM_PAGE_OUT:
		expect_page(f, a, nr == H_SVM_PAGE_IN, &e);
		break;
	case H_SVM_INIT_START:
		e.code = f->state == UVMEM_VM_NORMAL ? H_SUCCESS : H_STATE;
		if (!e.code)
			e.state = UVMEM_VM_INIT;
		break;
	case H_SVM_INIT_DONE:
		e.code = f->state == UVMEM_VM_INIT ? H_SUCCESS : H_UNSUPPORTED;
		if (!e.code)
			e.state = UVMEM_VM_SECURE;
		break;
	case H_SVM_INIT_ABORT:
		e.code = f->state == UVMEM_VM_INIT ? H_PARAMETER :
			 f->state == UVMEM_VM_SECURE ? H_STATE : H_UNSUPPORTED;
		if (f->state == UVMEM_VM_INIT) {
			e.state = UVMEM_VM_NORMAL;
			e.effect = EFFECT_ABORT;
		}
		break;
	case UV_ESM:
		e.code = a[0] ? U_PARAMETER : a[1] ? U_P2 : U_SUCCESS;
		if (!e.code && f->state != UVMEM_VM_SECURE) {
			e.state = UVMEM_VM_SECURE;
			e.effect = EFFECT_SECURE;
		}
		break;
	case UV_SHARE_PAGE:
		expect_share(f, a, EFFECT_SHARE_ZERO, &e);
		break;
	case UV_UNSHARE_PAGE:
		expect_share(f, a, EFFECT_SECURE_ZERO, &e);
		break;
	case UV_UNSHARE_ALL_PAGES:
		e.code = f->state == UVMEM_VM_SECURE ? U_SUCCESS : U_INVALID;
		if (!e.code)
			e.effect = EFFECT_TAKE_BACK;
		break;
	case KVM_HC_MAP_GPA_RANGE:
		expect_map(f, a, &e);
		break;
	case UV_REGISTER_MEM_SLOT:
	case UV_UNREGISTER_MEM_SLOT:
	case UV_PAGE_IN:
	case UV_PAGE_OUT:
	case UV_PAGE_INVAL:
	case UV_SVM_TERMINATE:
		e.code = U_PERMISSION;
		break;
	default:
		e.code = -KVM_ENOSYS;
	}
	return e;
}

/* Does @e apply to the page, and is it zero then? */
static bool applies(const struct expectation *e, const struct model_page *page, bool *ret_zero)
{
	*ret_zero = false;
	switch (e->effect) {
	case EFFECT_NONE:
		return false;
	case EFFECT_SECURE_ZERO:
	case EFFECT_SHARE_ZERO:
		*ret_zero = true;
		return true;
	case EFFECT_TAKE_BACK:
		*ret_zero = true;
		return page->class == CLASS_SHARED;
	case EFFECT_SECURE:
	case EFFECT_SHARE:
	case EFFECT_ABORT:
		return true;
	}
	return false;
}

static enum page_class class_after(enum effect effect)
{
	switch (effect) {
	case EFFECT_SHARE:
	case EFFECT_SHARE_ZERO:
		return CLASS_SHARED;
	case EFFECT_ABORT:
		return CLASS_NORMAL;
	default:
		return CLASS_SECURE;
	}
}

/* Would it zero memory that the guest lives in? */
static bool is_deadly(struct fuzz *f, const struct expectation *e)
{
	u64 gfn;
	bool zero;

	for (gfn = e->gfn; gfn < LOW_PAGES && gfn < e->gfn + e->nr; gfn++)
		if (applies(e, model_page(f, gfn), &zero) && zero)
			return true;
	return false;
}

static void apply(struct fuzz *f, const struct expectation *e)
{
	u64 gfn, end = e->gfn + e->nr;
	bool zero;

	f->state = e->state;
	for (gfn = model_next(e->gfn, end); gfn != ~0ull; gfn = model_next(gfn + 1, end)) {
		struct model_page *page = model_page(f, gfn);

		/* Read-only and detached pages are passed over. */
		if (!model_in_slots(f, gfn, 1) || !applies(e, page, &zero))
			continue;
		page->class = class_after(e->effect);
		/* A page that the guest never touched shows what the VMM has there, when it is the VMM's. */
		if (page->class != CLASS_SECURE && page->behind && !zero)
			page->content = CONTENT_ANY;
		if (page->class != CLASS_SECURE)
			page->behind = false;
		if (zero) {
			page->content = gfn < LOW_PAGES ? CONTENT_ANY : CONTENT_BYTE;
			page->seed = 0;
		}
	}
}

/* ---- hypercalls: what is asked -------------------------------------------------------- */

static const struct {
	u64 nr;
	const char *name;
	int weight;
} calls[] = {
#define CALL(nr, weight) { nr, #nr, weight }
	CALL(H_SVM_PAGE_IN, 6),
	CALL(H_SVM_PAGE_OUT, 4),
	CALL(H_SVM_INIT_START, 2),
	CALL(H_SVM_INIT_DONE, 1),
	CALL(H_SVM_INIT_ABORT, 2),
	CALL(UV_ESM, 2),
	CALL(UV_SHARE_PAGE, 6),
	CALL(UV_UNSHARE_PAGE, 6),
	CALL(UV_UNSHARE_ALL_PAGES, 2),
	CALL(KVM_HC_MAP_GPA_RANGE, 10),
	CALL(UV_REGISTER_MEM_SLOT, 1),
	CALL(UV_UNREGISTER_MEM_SLOT, 1),
	CALL(UV_PAGE_IN, 1),
	CALL(UV_PAGE_OUT, 1),
	CALL(UV_PAGE_INVAL, 1),
	CALL(UV_SVM_TERMINATE, 1),
	{ ~0ull, "unknown hypercall", 3 },
#undef CALL
};

static u64 unknown_nr(struct fuzz *f)
{
	static const u64 odd[] = {
		0xef01, 0xef10, 0xef18, 0xf104, 0xf118, 0xf11c, 0xf144, 0x10000ef00,
		0xffffffff0000ef00, 1ull << 63, ~0ull,
	};

	/* KVM's own are small numbers. */
	return rng_one_in(&f->rng, 2) ? rng_pick(&f->rng, odd) : rng_next(&f->rng) | 1ull << 20;
}

static u64 any_flags(struct fuzz *f)
{
	switch (rng_below(&f->rng, 8)) {
	case 0:
		return 1ull << rng_below(&f->rng, 64);
	case 1:
		return ~0ull;
	case 2:
		return rng_next(&f->rng);
	default:
		return 0;
	}
}

static u64 any_order(struct fuzz *f)
{
	static const u64 odd[] = { 0, 11, 13, 20, 22, 30, 64, 64 + 12, ~0ull, 1ull << 32 | 12 };

	if (rng_one_in(&f->rng, 8))
		return rng_pick(&f->rng, odd);
	return rng_one_in(&f->rng, 4) ? UVMEM_ORDER_2M : UVMEM_ORDER_4K;
}

static u64 to_gpa(struct fuzz *f, u64 gfn)
{
	static const u64 off[] = { 1, 8, 0x7ff, 0xfff };

	return gfn << PAGE_SHIFT | (rng_one_in(&f->rng, 16) ? rng_pick(&f->rng, off) : 0);
}

static void draw_args(struct fuzz *f, u64 nr, u64 *a)
{
	u64 gfn, count;

	/* Half of them are such that something happens. */
	if (rng_one_in(&f->rng, 2) || !model_pick(f, true, ~0ull, &gfn, &count)) {
		gfn = model_any_gfn(f);
		count = model_any_count(f, gfn);
	}
	switch (nr) {
	case H_SVM_PAGE_IN:
	case H_SVM_PAGE_OUT:
		a[2] = any_order(f);
		if (a[2] == UVMEM_ORDER_2M && !rng_one_in(&f->rng, 4))
			gfn &= ~(HUGE_PAGES - 1);
		a[0] = to_gpa(f, gfn);
		a[1] = rng_one_in(&f->rng, 3) ? H_PAGE_IN_SHARED : any_flags(f);
		break;
	case UV_SHARE_PAGE:
	case UV_UNSHARE_PAGE:
		a[0] = gfn;
		a[1] = count;
		break;
	case KVM_HC_MAP_GPA_RANGE:
		a[0] = to_gpa(f, gfn);
		a[1] = count;
		a[2] = rng_one_in(&f->rng, 16) ? rng_next(&f->rng) >> rng_below(&f->rng, 64) :
			rng_below(&f->rng, 2) * UVMEM_MAP_ENCRYPTED | rng_below(&f->rng, 3);
		break;
	case UV_ESM:
		a[0] = any_flags(f);
		a[1] = any_flags(f);
		break;
	default:
		a[0] = gfn;
		a[1] = count;
		a[2] = rng_next(&f->rng);
	}
	/* What a call does not have is ignored. */
	a[3] = any_flags(f);
}

static const char *draw_call(struct fuzz *f, u64 *ret_nr)
{
	u64 n, sum = 0;
	int i;

	for (i = 0; i < ARRAY_SIZE(calls); i++)
		sum += calls[i].weight;
	n = rng_below(&f->rng, sum);
	for (i = 0; n >= calls[i].weight; i++)
		n -= calls[i].weight;
	*ret_nr = ~calls[i].nr ? calls[i].nr : unknown_nr(f);
	return calls[i].name;
}

static bool is_transient(u64 nr, s64 code)
{
	return code == H_BUSY || (nr == KVM_HC_MAP_GPA_RANGE && code == -KVM_EFAULT);
}

void op_hypercall(struct fuzz *f)
{
	struct expectation e;
	u64 a[4] = {}, nr;
	const char *name;
	int tries = 0;
	s64 code;

	name = draw_call(f, &nr);
	draw_args(f, nr, a);
	e = expect(f, nr, a);
	note("%s (0x%lx) 0x%lx 0x%lx 0x%lx 0x%lx, VM state %u", name, nr, a[0], a[1], a[2], a[3],
	     f->state);
	if (is_deadly(f, &e)) {
		if (!rng_one_in(&f->rng, 6))
			return;
		code = guest_try(f, guest_hypercall, nr, a[0], a[1], a[2], a[3]);
		count_result("guest kills itself", code);
		f->over = true;
		return;
	}

	do {
		if (tries)
			usleep(10000);
		code = hypercall(f->vcpu, nr, a[0], a[1], a[2], a[3]);
	} while (is_transient(nr, code) && ++tries < 200);
	count_result(name, code);
	CHECK(code == e.code, "%ld, must be %ld", code, e.code);
	apply(f, &e);
}
