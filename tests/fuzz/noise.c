// SPDX-License-Identifier: GPL-2.0-only
/*
 * noise.c - a thread beside the fuzzer's: it moves pages and asks questions, which must
 * change nothing that the guest or the model sees
 */
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/uio.h>

#include "fuzz.h"

static struct noise {
	pthread_t thread;
	bool runs;
	bool quit;
	int pauses;
	pthread_mutex_t lock;	/* held by the thread while it does something */
	struct rng rng;
	struct fuzz *f;
} noise = { .lock = PTHREAD_MUTEX_INITIALIZER };

static void ask(const struct uvm *uvm, u64 gfn, u64 nr)
{
	static u8 states[MODEL_PAGES];
	struct uvmem_states get = {
		.size = sizeof(get), .gfn = gfn, .nr_pages = nr, .states = (u64)states,
	};
	struct uvmem_vm_info info = { .size = sizeof(info) };

	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_GET_STATES, &get), "%s", strerror(errno));
	TEST_ASSERT(!ioctl(uvm->fd, UVMEM_VM_GET_INFO, &info), "%s", strerror(errno));
}

static void move(const struct uvm *uvm, bool in, u64 gfn, u64 nr)
{
	struct uvmem_range range = {
		.size = sizeof(range), .gfn = gfn, .nr_pages = nr,
		.flags = in ? 0 : UVMEM_RANGE_IGNORE_AGE,
	};

	TEST_ASSERT(!ioctl(uvm->fd, in ? UVMEM_VM_PAGE_IN : UVMEM_VM_PAGE_OUT, &range),
		    "%s", strerror(errno));
}

/* As another process would; secure pages are not in the copy in plaintext, others may be. */
static void look(const struct fuzz *f, u64 nr)
{
	static u8 copy[64 * PAGE_SIZE];
	const struct model_slot *slot = &f->slot[0];
	struct iovec local = { copy, sizeof(copy) };
	struct iovec remote = { slot->region->host_mem, min_t(u64, slot->pages, nr) * PAGE_SIZE };

	process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
	memset(copy, 0, sizeof(copy));
}

static void *make_noise(void *arg)
{
	sigset_t set;

	/* Timers are for the thread that runs the guest. */
	sigfillset(&set);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	while (!READ_ONCE(noise.quit)) {
		const struct model_slot *slot = &noise.f->slot[rng_below(&noise.rng, NR_SLOTS)];
		u64 first = rng_below(&noise.rng, slot->pages);
		u64 gfn = rng_one_in(&noise.rng, 8) ? 0 : MEM_GFN + slot->first + first;
		u64 nr = rng_range(&noise.rng, 1, 200);

		pthread_mutex_lock(&noise.lock);
		switch (rng_below(&noise.rng, 4)) {
		case 0:
			ask(noise.f->uvm, gfn, nr);
			break;
		case 1:
			look(noise.f, nr % 64 + 1);
			break;
		default:
			move(noise.f->uvm, rng_one_in(&noise.rng, 2), gfn, nr);
		}
		pthread_mutex_unlock(&noise.lock);
		/* Let others have the lock, and the CPU. */
		usleep(rng_below(&noise.rng, 2000));
	}
	return NULL;
}

void noise_start(struct fuzz *f)
{
	noise.f = f;
	noise.quit = false;
	noise.pauses = 0;
	noise.rng = rng_of_step(f->seed, ~f->vms);
	noise.runs = true;
	TEST_ASSERT(!pthread_create(&noise.thread, NULL, make_noise, NULL), "no thread");
}

void noise_stop(void)
{
	if (!noise.runs)
		return;
	if (noise.pauses)
		pthread_mutex_unlock(&noise.lock);
	WRITE_ONCE(noise.quit, true);
	pthread_join(noise.thread, NULL);
	noise.runs = false;
	noise.pauses = 0;
}

void noise_pause(void)
{
	if (noise.runs && !noise.pauses++)
		pthread_mutex_lock(&noise.lock);
}

void noise_resume(void)
{
	if (noise.runs && !--noise.pauses)
		pthread_mutex_unlock(&noise.lock);
}
