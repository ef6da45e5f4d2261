// SPDX-License-Identifier: GPL-2.0-only
/*
 * guest.c - guest side of the selftests: the agent and its functions
 *
 * Everything here runs in the guest, from memory that is secure after UV_ESM.
 * No string functions of libc, no ucalls, no host pointers.
 */
#include "guest.h"

/* Chosen at random; what matters is that their XOR stands nowhere. */
volatile u64 marker_half[2] = { 0x7c1e5a3390d2b64full, 0x2b95e6f1084dc37aull };

struct guest_call_regs {
	guest_fn_t fn;
	u64 args[GUEST_MAX_ARGS];
};

/*
 * One OUT. In: RDI says why, RSI, RDX, RCX and R8 are values. Out: RDI is a
 * function, RSI, RDX, RCX, R8 and R9 its arguments. The callee-saved registers
 * are hidden from the host: they may hold what the host must not find.
 */
static void leave(enum guest_exit kind, u64 v0, u64 v1, u64 v2, u64 v3,
		  struct guest_call_regs *next)
{
	register u64 r8 asm("r8") = v3;
	register u64 r9 asm("r9") = 0;
	u64 di = kind, si = v0, dx = v1, cx = v2;

	asm volatile("push %%rbx\n\t"
		     "push %%rbp\n\t"
		     "push %%r12\n\t"
		     "push %%r13\n\t"
		     "push %%r14\n\t"
		     "push %%r15\n\t"
		     "xor %%eax, %%eax\n\t"
		     "xor %%ebx, %%ebx\n\t"
		     "xor %%ebp, %%ebp\n\t"
		     "xor %%r10d, %%r10d\n\t"
		     "xor %%r11d, %%r11d\n\t"
		     "xor %%r12d, %%r12d\n\t"
		     "xor %%r13d, %%r13d\n\t"
		     "xor %%r14d, %%r14d\n\t"
		     "xor %%r15d, %%r15d\n\t"
		     "out %%al, %[port]\n\t"
		     "pop %%r15\n\t"
		     "pop %%r14\n\t"
		     "pop %%r13\n\t"
		     "pop %%r12\n\t"
		     "pop %%rbp\n\t"
		     "pop %%rbx\n\t"
		     : "+D" (di), "+S" (si), "+d" (dx), "+c" (cx),
		       "+r" (r8), "+r" (r9)
		     : [port] "i" (GUEST_PORT)
		     : "rax", "r10", "r11", "memory", "cc");

	if (!next)
		return;
	next->fn = (guest_fn_t)di;
	next->args[0] = si;
	next->args[1] = dx;
	next->args[2] = cx;
	next->args[3] = r8;
	next->args[4] = r9;
}

void guest_exit(enum guest_exit kind, u64 v0, u64 v1, u64 v2, u64 v3)
{
	leave(kind, v0, v1, v2, v3, NULL);
}

void guest_agent(void)
{
	struct guest_call_regs next;
	u64 result = 0;

	for (;;) {
		leave(GUEST_EXIT_DONE, result, 0, 0, 0, &next);
		result = next.fn(next.args[0], next.args[1], next.args[2],
				 next.args[3], next.args[4]);
	}
}

static u64 get_cr2(void)
{
	u64 cr2;

	asm volatile("mov %%cr2, %0" : "=r" (cr2));
	return cr2;
}

/* Handler of every vector. The fixup is that of the library's own dispatcher. */
void guest_exception(struct ex_regs *regs)
{
	if (regs->r9 == KVM_EXCEPTION_MAGIC && regs->rip == regs->r10) {
		if (regs->vector == DE_VECTOR)
			regs->vector = KVM_MAGIC_DE_VECTOR;
		regs->rip = regs->r11;
		regs->r9 = regs->vector;
		regs->r10 = regs->error_code;
		return;
	}
	for (;;)
		guest_exit(GUEST_EXIT_EXCEPTION, regs->vector, regs->rip,
			   regs->error_code, get_cr2());
}

u64 guest_nop(void)
{
	return 0;
}

u64 guest_read(u64 gpa)
{
	return READ_ONCE(*(u64 *)gpa);
}

u64 guest_write(u64 gpa, u64 value)
{
	WRITE_ONCE(*(u64 *)gpa, value);
	return 0;
}

u64 guest_read8(u64 gpa)
{
	return READ_ONCE(*(u8 *)gpa);
}

u64 guest_write8(u64 gpa, u64 value)
{
	WRITE_ONCE(*(u8 *)gpa, (u8)value);
	return 0;
}

static u64 mix(u64 gpa, u64 seed)
{
	u64 x = (gpa ^ (seed << 40)) + seed;

	x *= 0x9e3779b97f4a7c15ull;
	return x ^ (x >> 29);
}

/* Marker in the even words, a mix of seed and address in the odd ones. */
static u64 pattern(u64 gpa, u64 seed)
{
	return gpa & 8 ? mix(gpa, seed) : marker_half[0] ^ marker_half[1];
}

bool is_filled(u64 word, u64 gpa, u64 seed)
{
	return gpa & 8 ? word == mix(gpa, seed) : is_marker(word);
}

u64 guest_fill(u64 gpa, u64 nr_pages, u64 seed)
{
	u64 p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8)
		WRITE_ONCE(*(u64 *)p, pattern(p, seed));
	return 0;
}

u64 guest_verify(u64 gpa, u64 nr_pages, u64 seed)
{
	u64 p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8)
		if (READ_ONCE(*(u64 *)p) != pattern(p, seed))
			return p;
	return GUEST_OK;
}

/* No word is like another one; nor is half of one. */
static u64 noise(u64 gpa, u64 seed)
{
	u64 x = mix(gpa, seed);

	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
	x = (x ^ (x >> 32)) * 0xd6e8feb86659fd93ull;
	return x ^ (x >> 32);
}

u64 guest_fill_noise(u64 gpa, u64 nr_pages, u64 seed)
{
	u64 p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8)
		WRITE_ONCE(*(u64 *)p, noise(p, seed));
	return 0;
}

u64 guest_verify_noise(u64 gpa, u64 nr_pages, u64 seed)
{
	u64 p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8)
		if (READ_ONCE(*(u64 *)p) != noise(p, seed))
			return p;
	return GUEST_OK;
}

u64 guest_fill_byte(u64 gpa, u64 nr_pages, u64 byte)
{
	u64 word = (byte & 0xff) * 0x0101010101010101ull;
	u64 p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8)
		WRITE_ONCE(*(u64 *)p, word);
	return 0;
}

u64 guest_verify_byte(u64 gpa, u64 nr_pages, u64 byte)
{
	u64 word = (byte & 0xff) * 0x0101010101010101ull;
	u64 p;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8)
		if (READ_ONCE(*(u64 *)p) != word)
			return p;
	return GUEST_OK;
}

u64 guest_touch(u64 gpa, u64 nr_pages)
{
	u64 p, x = 0;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += PAGE_SIZE)
		x ^= READ_ONCE(*(u64 *)p);
	return x & 1;
}

u64 guest_sum(u64 gpa, u64 nr_pages)
{
	u64 p, sum = 0xcbf29ce484222325ull;

	for (p = gpa; p < gpa + nr_pages * PAGE_SIZE; p += 8)
		sum = (sum ^ READ_ONCE(*(u64 *)p)) * 0x100000001b3ull;
	return sum;
}

/* Words of a page that guest_churn() uses: both ends and six between. */
static const u16 churn_offset[8] = { 0, 72, 512, 1032, 2048, 2560, 3592, 4088 };

static u64 churn_word(u64 gpa, u64 generation)
{
	u64 x = (gpa << 20) + generation;

	x *= 0xd1342543de82ef95ull;
	return x ^ (x >> 32);
}

u64 guest_churn(u64 gpa, u64 nr_pages, u64 start, u64 rounds)
{
	u64 generation, page, p;
	int i;

	for (generation = start; generation < start + rounds; generation++) {
		for (page = gpa; page < gpa + nr_pages * PAGE_SIZE; page += PAGE_SIZE) {
			for (i = 0; i < ARRAY_SIZE(churn_offset); i++) {
				p = page + churn_offset[i];
				if (generation &&
				    READ_ONCE(*(u64 *)p) != churn_word(p, generation - 1))
					return p;
				WRITE_ONCE(*(u64 *)p, churn_word(p, generation));
			}
		}
	}
	return GUEST_OK;
}

u64 guest_toggle(u64 gpa, u64 nr_pages, u64 rounds)
{
	u64 page, value, round, p;
	int i;

	for (round = 0; round < 2 * rounds; round++) {
		for (page = gpa; page < gpa + nr_pages * PAGE_SIZE; page += PAGE_SIZE) {
			p = page + churn_offset[round / 2 % ARRAY_SIZE(churn_offset)];
			value = round & 1 ? 0 : round + 1;
			WRITE_ONCE(*(u64 *)p, value);
			for (i = 0; i < 20; i++)
				if (READ_ONCE(*(u64 *)p) != value)
					return p;
		}
	}
	return GUEST_OK;
}

u64 guest_exchange(u64 gpa, u64 nr_pages, u64 offset, u64 old, u64 new)
{
	u64 p;

	for (p = gpa + offset; p < gpa + nr_pages * PAGE_SIZE; p += PAGE_SIZE) {
		if (old != GUEST_OK && READ_ONCE(*(u64 *)p) != old)
			return p;
		WRITE_ONCE(*(u64 *)p, new);
	}
	return GUEST_OK;
}

u64 guest_hypercall(u64 nr, u64 a0, u64 a1, u64 a2, u64 a3)
{
	return kvm_hypercall(nr, a0, a1, a2, a3);
}

u64 guest_wrmsr(u64 msr, u64 value)
{
	return wrmsr_safe((u32)msr, value);
}

u64 guest_rdmsr(u64 msr)
{
	u64 value;

	return rdmsr_safe((u32)msr, &value) ? GUEST_OK : value;
}

u64 guest_spin(u64 loops)
{
	while (loops--)
		cpu_relax();
	return 0;
}

u64 guest_fep_lock_add(u64 gpa, u64 size, u64 value)
{
	switch (size) {
	case 1:
		asm volatile(KVM_FEP "lock addb %b0, (%1)" : : "q" (value), "r" (gpa) : "memory", "cc");
		break;
	case 2:
		asm volatile(KVM_FEP "lock addw %w0, (%1)" : : "r" (value), "r" (gpa) : "memory", "cc");
		break;
	case 4:
		asm volatile(KVM_FEP "lock addl %k0, (%1)" : : "r" (value), "r" (gpa) : "memory", "cc");
		break;
	default:
		asm volatile(KVM_FEP "lock addq %0, (%1)" : : "r" (value), "r" (gpa) : "memory", "cc");
		break;
	}
	return 0;
}
