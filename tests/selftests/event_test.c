// SPDX-License-Identifier: GPL-2.0-only
/*
 * event_test - the event streams of the device and of per-VM files
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>

#include "harness.h"

#include "vm.h"

/* The next event of @fd, or none (type ~0) if nothing comes within 2 s. */
static struct uvmem_event next_event(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	struct uvmem_event event = { .type = ~0u };

	if (poll(&pfd, 1, 2000) == 1 && pfd.revents & POLLIN)
		TEST_ASSERT(read(fd, &event, sizeof(event)) == sizeof(event), "read: %s",
			    strerror(errno));
	return event;
}

static int open_stream(void)
{
	int fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_NONBLOCK);
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	TEST_ASSERT(fd >= 0, "%s", strerror(errno));
	TEST_ASSERT(!poll(&pfd, 1, 0), "an event is there already");
	return fd;
}

TEST(events_tell_the_life_of_a_vm_in_order)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	static const struct { u32 type; u64 v0, v1; } expected[] = {
		{ UVMEM_EVENT_VM_STATE, UVMEM_VM_NORMAL, UVMEM_VM_INIT },
		{ UVMEM_EVENT_VM_STATE, UVMEM_VM_INIT, UVMEM_VM_SECURE },
		{ UVMEM_EVENT_VM_STATE, UVMEM_VM_SECURE, UVMEM_VM_TERMINATED },
		{ UVMEM_EVENT_VM_ENDED, 0, 0 },
	};
	struct uvmem_pool before = uvm->before;
	int fd = dup(uvm->fd), i;
	struct uvmem_event event;
	u64 id = uvm->id, time = 0;
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	/* The file is younger than the arming. */
	EXPECT_EQ(0, poll(&pfd, 1, 0));
	uvm_esm(uvm);
	uvm_free_unchecked(uvm);
	uvmem_assert_nothing_left(&before);
	for (i = 0; i < ARRAY_SIZE(expected); i++) {
		event = next_event(fd);
		EXPECT_EQ(expected[i].type, event.type);
		EXPECT_EQ(expected[i].v0, event.value[0]);
		EXPECT_EQ(expected[i].v1, event.value[1]);
		EXPECT_EQ(0, event.value[2] | event.value[3]);
		EXPECT_EQ(i + 1, event.seq);
		EXPECT_EQ(id, event.vm_id);
		EXPECT_EQ(0, event.pad);
		EXPECT_LE(time, event.time_ns);
		time = event.time_ns;
	}
	/* All is read, and nothing will follow: end of file. */
	ASSERT_EQ(1, poll(&pfd, 1, 0));
	EXPECT_EQ(POLLHUP, pfd.revents);
	EXPECT_EQ(0, read(fd, &event, sizeof(event)));
	close(fd);
}

TEST(events_of_all_vms_come_through_the_device)
{
	int fd = open_stream();
	struct uvm *a = uvm_create(&(struct uvm_config){});
	struct uvm *b = uvm_create(&(struct uvm_config){});
	struct uvmem_event event;
	u64 seq;

	event = next_event(fd);
	EXPECT_EQ(UVMEM_EVENT_VM_ARMED, event.type);
	EXPECT_EQ(a->id, event.vm_id);
	EXPECT_EQ(getpid(), event.value[0]);
	seq = event.seq;
	event = next_event(fd);
	EXPECT_EQ(UVMEM_EVENT_VM_ARMED, event.type);
	EXPECT_EQ(b->id, event.vm_id);
	EXPECT_EQ(seq + 1, event.seq);
	/* A VM's file has its own only, numbered for itself. */
	uvm_esm(b);
	uvm_esm(a);
	EXPECT_EQ(b->id, next_event(b->fd).vm_id);
	event = next_event(b->fd);
	EXPECT_EQ(b->id, event.vm_id);
	EXPECT_EQ(2, event.seq);
	uvm_free_unchecked(b);
	uvm_free_unchecked(a);
	close(fd);
}

TEST(events_are_read_whole_or_not_at_all)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	void *nowhere = mmap(NULL, PAGE_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	struct uvmem_event events[8];

	uvm_esm(uvm);
	EXPECT_EQ(-1, read(uvm->fd, events, sizeof(events[0]) - 1));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(uvm->fd, events, 0));
	EXPECT_EQ(EINVAL, errno);
	EXPECT_EQ(-1, read(uvm->fd, nowhere, sizeof(events[0])));
	EXPECT_EQ(EFAULT, errno);
	/* None of these took one. */
	EXPECT_EQ(sizeof(events[0]), read(uvm->fd, events, 2 * sizeof(events[0]) - 1));
	EXPECT_EQ(1, events[0].seq);
	EXPECT_EQ(sizeof(events[0]), read(uvm->fd, events, sizeof(events)));
	EXPECT_EQ(2, events[0].seq);
	fcntl(uvm->fd, F_SETFL, O_NONBLOCK);
	EXPECT_EQ(-1, read(uvm->fd, events, sizeof(events)));
	EXPECT_EQ(EAGAIN, errno);
	uvm_free(uvm);
}

static void *esm_later(void *arg)
{
	usleep(200000);
	uvm_esm(arg);
	return NULL;
}

TEST(events_wake_a_reader_that_waits)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct uvmem_event event;
	pthread_t thread;

	ASSERT_EQ(0, pthread_create(&thread, NULL, esm_later, uvm));
	EXPECT_EQ(sizeof(event), read(uvm->fd, &event, sizeof(event)));
	EXPECT_EQ(UVMEM_EVENT_VM_STATE, event.type);
	EXPECT_EQ(UVMEM_VM_INIT, event.value[1]);
	pthread_join(thread, NULL);
	uvm_free(uvm);
}

TEST(events_begin_when_the_file_is_opened)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){});
	struct uvmem_open_vm open = { .size = sizeof(open), .id = uvm->id };
	int fd = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open);
	struct uvmem_event event;

	ASSERT_LE(0, fd);
	uvm_esm(uvm);
	event = next_event(fd);
	EXPECT_EQ(UVMEM_EVENT_VM_STATE, event.type);
	EXPECT_EQ(1, event.seq);
	/* One reader's reading takes nothing from the other. */
	EXPECT_EQ(1, next_event(uvm->fd).seq);
	close(fd);
	uvm_free(uvm);
}

TEST(events_that_are_lost_are_counted)
{
	struct uvm *uvm = uvm_create(&(struct uvm_config){ .mem_pages = 1 });
	struct uvmem_event event;
	u64 made = 0, got = 0, lost = 0, next = 1;
	int i;

	/* Each round makes two. */
	for (i = 0; i < 400; i++, made += 2) {
		ASSERT_EQ(H_SUCCESS, hypercall(uvm->vcpu[0], H_SVM_INIT_START));
		ASSERT_EQ(H_PARAMETER, hypercall_patient(uvm->vcpu[0], H_SVM_INIT_ABORT));
	}
	fcntl(uvm->fd, F_SETFL, O_NONBLOCK);
	while (read(uvm->fd, &event, sizeof(event)) == sizeof(event)) {
		EXPECT_EQ(next, event.seq);
		next = event.seq + 1;
		if (event.type == UVMEM_EVENT_OVERFLOW) {
			EXPECT_LT(0, event.value[0]);
			lost += event.value[0];
			next = event.seq + event.value[0];
		} else {
			got++;
		}
	}
	EXPECT_LT(0, got);
	EXPECT_LT(0, lost);
	EXPECT_EQ(made, got + lost);
	/* It goes on behind them. */
	ASSERT_EQ(H_SUCCESS, hypercall(uvm->vcpu[0], H_SVM_INIT_START));
	event = next_event(uvm->fd);
	EXPECT_EQ(UVMEM_EVENT_VM_STATE, event.type);
	EXPECT_EQ(next, event.seq);
	uvm_free(uvm);
}

TEST(event_of_a_full_pool_comes_once_per_crossing)
{
	u64 limit = uvmem_get_pool().frames_limit, used;
	struct uvm *uvm = uvm_create_secure(&(struct uvm_config){ .mem_pages = 256 });
	int fd = open_stream(), i, full;
	struct uvmem_event event;

	for (i = 0; i < 2; i++) {
		used = uvmem_get_pool().frames_used;
		uvmem_set_pool_limit(used + 64);
		/* More than fits: the guest gets on by giving up pages of its own. */
		guest_call(uvm->vcpu[0], guest_fill, MEM_GPA, 128, i);
		for (full = 0; (event = next_event(fd)).type == UVMEM_EVENT_POOL_FULL; full++) {
			EXPECT_LE(used + 64, event.value[0] + 1);
			EXPECT_EQ(used + 64, event.value[1]);
			EXPECT_EQ(0, event.vm_id);
		}
		EXPECT_LE(1, full);
		EXPECT_GE(3, full);
		uvmem_set_pool_limit(limit);
		uvm_page_out(uvm, MEM_GPA, 256);
	}
	close(fd);
	uvm_free(uvm);
}

TEST_HARNESS_MAIN
