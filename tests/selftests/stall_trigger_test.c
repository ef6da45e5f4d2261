// SPDX-License-Identifier: GPL-2.0-only
/*
 * stall_trigger_test - whoever asked for it is told when the guest waits too much for its
 * memory, once per window, and nobody else is told anything
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/uio.h>
#include <time.h>

#include "harness.h"

#include "vm.h"

#define NR		64ull
#define SECOND		1000000ull	/* in us */
#define NO_EVENT	(~0u)

FIXTURE(stall_trigger)
{
	struct uvm *uvm;
	struct kvm_vcpu *vcpu;
};

FIXTURE_SETUP(stall_trigger)
{
	self->uvm = uvm_create_secure(&(struct uvm_config){});
	self->vcpu = self->uvm->vcpu[0];
	guest_call(self->vcpu, guest_fill, MEM_GPA, NR, 1);
	fcntl(self->uvm->fd, F_SETFL, O_NONBLOCK);
}

FIXTURE_TEARDOWN(stall_trigger)
{
	if (self->uvm)
		uvm_free(self->uvm);
}

/* 0 or errno. */
static int set_trigger(struct uvm *uvm, u32 kind, u64 threshold_us, u64 window_us)
{
	struct uvmem_stall_trigger trigger = {
		.size = sizeof(trigger), .kind = kind,
		.threshold_us = threshold_us, .window_us = window_us,
	};

	return ioctl(uvm->fd, UVMEM_VM_SET_STALL_TRIGGER, &trigger) ? errno : 0;
}

/* The next stall, others are passed by; its type is NO_EVENT if none comes within @ms. */
static struct uvmem_event next_stall(struct uvm *uvm, int ms)
{
	struct pollfd pfd = { .fd = uvm->fd, .events = POLLIN };
	struct uvmem_event event;

	while (poll(&pfd, 1, ms) == 1 && pfd.revents & POLLIN) {
		TEST_ASSERT(read(uvm->fd, &event, sizeof(event)) == sizeof(event), "read: %s",
			    strerror(errno));
		if (event.type == UVMEM_EVENT_STALL)
			return event;
		TEST_ASSERT(event.type != UVMEM_EVENT_OVERFLOW, "events were lost");
	}
	return (struct uvmem_event){ .type = NO_EVENT };
}

/* The guest waits for pages, this many times; each takes more than a microsecond. */
static void stall(struct uvm *uvm, u64 nr)
{
	uvm_page_out_all(uvm, MEM_GPA, nr);
	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, nr);
}

TEST_F(stall_trigger, with_bad_arguments_is_EINVAL_and_changes_nothing)
{
	static const struct { u32 kind; u64 threshold, window; } bad[] = {
		{ UVMEM_STALL_NR_KINDS, 1, SECOND },
		{ ~0u, 1, SECOND },
		{ ~0u, 0, 0 },
		{ UVMEM_STALL_SOME, 1, 0 },
		{ UVMEM_STALL_SOME, 0, SECOND },
		{ UVMEM_STALL_SOME, SECOND + 1, SECOND },
		{ UVMEM_STALL_SOME, 1, UVMEM_STALL_WINDOW_MIN_US - 1 },
		{ UVMEM_STALL_SOME, 1, UVMEM_STALL_WINDOW_MAX_US + 1 },
		{ UVMEM_STALL_FULL, ~0ull, ~0ull },
		{ UVMEM_STALL_FULL, 1ull << 63, 1ull << 63 },
		{ UVMEM_STALL_FULL, 1, 1ull << 32 },
	};
	u64 whole = UVMEM_STALL_WINDOW_MAX_US;
	int i;

	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 1, 60 * SECOND));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		EXPECT_EQ(EINVAL, set_trigger(self->uvm, bad[i].kind, bad[i].threshold,
					      bad[i].window)) TH_LOG("case %d", i);
	stall(self->uvm, 1);
	EXPECT_EQ(UVMEM_EVENT_STALL, next_stall(self->uvm, 2000).type);
	/* As far as it goes. */
	EXPECT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, whole, whole));
	EXPECT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, 1, UVMEM_STALL_WINDOW_MIN_US));
	EXPECT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, UVMEM_STALL_WINDOW_MIN_US,
				 UVMEM_STALL_WINDOW_MIN_US));
	EXPECT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, 0, 0));
	EXPECT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, 0, 0));
}

TEST_F(stall_trigger, tells_when_the_threshold_is_reached)
{
	u64 before = uvm_stat(self->uvm, "stall_some_ns"), after;
	struct uvmem_event event;

	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, NR, 60 * SECOND));
	EXPECT_EQ(NO_EVENT, next_stall(self->uvm, 100).type);
	stall(self->uvm, NR);
	event = next_stall(self->uvm, 2000);
	after = uvm_stat(self->uvm, "stall_some_ns");
	ASSERT_EQ(UVMEM_EVENT_STALL, event.type);
	EXPECT_EQ(self->uvm->id, event.vm_id);
	EXPECT_EQ(UVMEM_STALL_SOME, event.value[0]);
	EXPECT_LE(NR * 1000, event.value[1]);
	EXPECT_GE(after - before, event.value[1]);
	EXPECT_EQ(0, event.value[2] | event.value[3]);
	/* For a minute. */
	stall(self->uvm, NR);
	EXPECT_EQ(NO_EVENT, next_stall(self->uvm, 100).type);
}

TEST_F(stall_trigger, tells_of_both_kinds)
{
	bool seen[UVMEM_STALL_NR_KINDS] = {};
	struct uvmem_event event;
	int i;

	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 1, 60 * SECOND));
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, 1, 60 * SECOND));
	stall(self->uvm, NR);
	for (i = 0; i < 2; i++) {
		event = next_stall(self->uvm, 2000);
		ASSERT_EQ(UVMEM_EVENT_STALL, event.type);
		ASSERT_GT(UVMEM_STALL_NR_KINDS, event.value[0]);
		EXPECT_FALSE(seen[event.value[0]]);
		seen[event.value[0]] = true;
	}
	EXPECT_EQ(NO_EVENT, next_stall(self->uvm, 100).type);
}

TEST_F(stall_trigger, tells_nothing_below_the_threshold)
{
	struct timespec start, end;
	u64 some, full, took;

	/* More than all the time that there is. */
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 60 * SECOND, 60 * SECOND));
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, 60 * SECOND, 60 * SECOND));
	some = uvm_stat(self->uvm, "stall_some_ns");
	full = uvm_stat(self->uvm, "stall_full_ns");
	clock_gettime(CLOCK_MONOTONIC, &start);
	do {
		stall(self->uvm, NR);
		clock_gettime(CLOCK_MONOTONIC, &end);
		took = (end.tv_sec - start.tv_sec) * SECOND + (end.tv_nsec - start.tv_nsec) / 1000;
	} while (took < 2 * SECOND);
	EXPECT_LT(some, uvm_stat(self->uvm, "stall_some_ns"));
	EXPECT_LT(full, uvm_stat(self->uvm, "stall_full_ns"));
	EXPECT_EQ(NO_EVENT, next_stall(self->uvm, 100).type);
}

TEST_F(stall_trigger, tells_once_per_window)
{
	u64 last = 0, window = SECOND / 2, events = 0, start;
	struct uvmem_event event;
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	start = now.tv_sec * 1000000000ull + now.tv_nsec;
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 1, window));
	do {
		stall(self->uvm, 4);
		clock_gettime(CLOCK_MONOTONIC, &now);
	} while (now.tv_sec * 1000000000ull + now.tv_nsec < start + 7 * window * 1000);
	while ((event = next_stall(self->uvm, 0)).type != NO_EVENT) {
		EXPECT_LE(1000, event.value[1]);
		EXPECT_GE(window * 1000 + window * 1000 / 16, event.value[1]);
		if (events++)
			EXPECT_LE(last + window * 1000, event.time_ns);
		last = event.time_ns;
	}
	/* One each, but the machine may stand still for a while. */
	EXPECT_LE(3, events);
	EXPECT_GE(8, events);
}

TEST_F(stall_trigger, that_was_removed_tells_nothing)
{
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 1, UVMEM_STALL_WINDOW_MIN_US));
	stall(self->uvm, NR);
	EXPECT_EQ(UVMEM_EVENT_STALL, next_stall(self->uvm, 2000).type);
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 0, 0));
	while (next_stall(self->uvm, 0).type != NO_EVENT)
		;
	stall(self->uvm, NR);
	EXPECT_EQ(NO_EVENT, next_stall(self->uvm, 200).type);
	/* Set anew it begins anew. */
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 1, 60 * SECOND));
	EXPECT_EQ(NO_EVENT, next_stall(self->uvm, 100).type);
	stall(self->uvm, 1);
	EXPECT_EQ(UVMEM_EVENT_STALL, next_stall(self->uvm, 2000).type);
}

TEST_F(stall_trigger, comes_through_the_device_as_well)
{
	int fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_NONBLOCK);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct uvm of_device = { .fd = fd };
	struct uvmem_event event;

	ASSERT_LE(0, fd);
	ASSERT_EQ(0, poll(&pfd, 1, 0));
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, 1, 60 * SECOND));
	stall(self->uvm, NR);
	event = next_stall(&of_device, 2000);
	EXPECT_EQ(UVMEM_EVENT_STALL, event.type);
	EXPECT_EQ(self->uvm->id, event.vm_id);
	EXPECT_EQ(UVMEM_STALL_FULL, event.value[0]);
	close(fd);
}

static void *touch_fn(void *arg)
{
	struct uvm *uvm = arg;

	guest_call(uvm->vcpu[0], guest_touch, MEM_GPA, 1);
	return NULL;
}

TEST_F(stall_trigger, tells_of_a_wait_that_goes_on)
{
	struct iovec iov = { uvm_hva(self->uvm, MEM_GPA), PAGE_SIZE };
	struct uvmem_event event;
	pthread_t thread;
	int fds[2];

	ASSERT_EQ(0, pipe(fds));
	uvm_page_out_all(self->uvm, MEM_GPA, 1);
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, SECOND / 4, 2 * SECOND));
	/* A page that somebody else holds cannot come in. */
	ASSERT_EQ(PAGE_SIZE, vmsplice(fds[1], &iov, 1, 0));
	ASSERT_EQ(0, pthread_create(&thread, NULL, touch_fn, self->uvm));
	event = next_stall(self->uvm, 10000);
	close(fds[0]);
	close(fds[1]);
	pthread_join(thread, NULL);
	EXPECT_EQ(UVMEM_EVENT_STALL, event.type);
	EXPECT_LE(SECOND / 4 * 1000, event.value[1]);
}

TEST_F(stall_trigger, ends_with_its_vm)
{
	struct uvmem_pool before = self->uvm->before;
	struct uvm ended = { .fd = dup(self->uvm->fd) };
	struct uvmem_event event;
	u32 last = NO_EVENT;

	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_SOME, 1, UVMEM_STALL_WINDOW_MIN_US));
	ASSERT_EQ(0, set_trigger(self->uvm, UVMEM_STALL_FULL, SECOND, SECOND));
	stall(self->uvm, NR);
	uvm_free_unchecked(self->uvm);
	self->uvm = NULL;
	uvmem_assert_nothing_left(&before);
	EXPECT_EQ(ESRCH, set_trigger(&ended, UVMEM_STALL_SOME, 1, SECOND));
	EXPECT_EQ(ESRCH, set_trigger(&ended, UVMEM_STALL_SOME, 0, 0));
	/* Nothing comes after the end. */
	while (read(ended.fd, &event, sizeof(event)) == sizeof(event))
		last = event.type;
	EXPECT_EQ(UVMEM_EVENT_VM_ENDED, last);
	close(ended.fd);
}

TEST_HARNESS_MAIN
