// SPDX-License-Identifier: GPL-2.0-only
/*
 * event_ops.c - readers of events: several at once, with buffers of any size, that come,
 * go and fall behind
 */
#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>

#include "fuzz.h"

#define READ_MAX	(300 * sizeof(struct uvmem_event))

/* Numbers follow each other, or a record says how many are missing. */
static void check_events(struct reader *reader, const struct uvmem_event *event, u64 nr)
{
	for (; nr; nr--, event++) {
		CHECK(event->seq == reader->seq + 1, "event %llu follows %lu", event->seq,
		      reader->seq);
		CHECK(event->type <= UVMEM_EVENT_STALL && !event->pad &&
		      !event->value[2] && !event->value[3], "type %u, pad %u", event->type,
		      event->pad);
		CHECK(!reader->vm_id || event->type == UVMEM_EVENT_OVERFLOW ||
		      event->vm_id == reader->vm_id, "an event of VM %llu", event->vm_id);
		reader->seq = event->seq;
		if (event->type == UVMEM_EVENT_OVERFLOW) {
			CHECK(event->value[0], "an overflow of none");
			/* Those that are missing had numbers, the first of them is this one's. */
			reader->seq += event->value[0] - 1;
			count_result("event overflow", 0);
		}
	}
}

static void open_reader(struct fuzz *f, struct reader *reader)
{
	struct uvmem_open_vm open_vm = { .size = sizeof(open_vm), .id = f->uvm->id };
	bool of_vm = rng_one_in(&f->rng, 2);

	if (of_vm) {
		reader->fd = ioctl(uvmem_dev(), UVMEM_OPEN_VM, &open_vm);
		CHECK(reader->fd >= 0, "UVMEM_OPEN_VM: %s", strerror(errno));
		CHECK(!fcntl(reader->fd, F_SETFL, O_NONBLOCK), "%s", strerror(errno));
	} else {
		reader->fd = open(UVMEM_DEVICE_PATH, O_RDWR | O_CLOEXEC | O_NONBLOCK);
		CHECK(reader->fd >= 0, "open: %s", strerror(errno));
	}
	reader->vm_id = of_vm ? f->uvm->id : 0;
	reader->seq = 0;
}

static void close_reader(struct reader *reader)
{
	close(reader->fd);
	*reader = (struct reader){ .fd = -1 };
}

static void read_some(struct fuzz *f, struct reader *reader)
{
	static const u64 sizes[] = { 0, 1, 63, 64, 65, 127, 128, 192, READ_MAX - 1, READ_MAX };
	static struct uvmem_event events[300];
	u64 size = rng_pick(&f->rng, sizes);
	struct pollfd pfd = { .fd = reader->fd, .events = POLLIN };
	void *buf = events;
	bool ready;
	ssize_t n;

	CHECK(poll(&pfd, 1, 0) >= 0 && !(pfd.revents & ~(POLLIN | POLLHUP)), "poll: 0x%x",
	      pfd.revents);
	CHECK(!(pfd.revents & POLLHUP) || reader->vm_id, "a device file hangs up");
	ready = pfd.revents & POLLIN;
	if (rng_one_in(&f->rng, 8))
		buf = rng_one_in(&f->rng, 2) ? NULL : (void *)0xffff888000000000ull;

	n = read(reader->fd, buf, size);
	if (n < 0) {
		/* The kernel may look at the address before anybody else does. */
		CHECK((errno == EINVAL && size < sizeof(struct uvmem_event)) ||
		      (errno == EFAULT && buf != events) || (errno == EAGAIN && !ready),
		      "read of %lu bytes: %s", size, strerror(errno));
	} else {
		/* Nothing is the end, of a VM's file only. */
		CHECK(n % sizeof(struct uvmem_event) == 0 && n <= size, "%ld bytes of %lu", n,
		      size);
		CHECK(n ? ready : !!(pfd.revents & POLLHUP), "%ld bytes, poll said 0x%x", n,
		      pfd.revents);
		check_events(reader, events, n / sizeof(struct uvmem_event));
	}
}

void op_events(struct fuzz *f)
{
	struct reader *reader = &rng_pick(&f->rng, f->reader);
	off_t off = (off_t)rng_next(&f->rng);
	struct uvmem_event event;
	ssize_t n;

	note("events");
	if (reader->fd < 0) {
		open_reader(f, reader);
		count_result("event reader comes", reader->vm_id ? 1 : 0);
		return;
	}
	switch (rng_below(&f->rng, 12)) {
	case 0:
		close_reader(reader);
		count_result("event reader goes", 0);
		break;
	case 1:	/* there is no place in a stream */
		lseek(reader->fd, off, rng_below(&f->rng, 5));
		n = pread(reader->fd, &event, sizeof(event), 0);
		if (n > 0)
			check_events(reader, &event, 1);
		break;
	case 2:
		CHECK(write(reader->fd, &off, sizeof(off)) < 0, "events can be written");
		break;
	case 3:
		CHECK(mmap(NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, reader->fd, 0) == MAP_FAILED,
		      "events can be mapped");
		break;
	default:
		read_some(f, reader);
		count_result("event read", 0);
	}
}

/* More events than a reader's ring has room for. */
void op_event_storm(struct fuzz *f)
{
	s64 ret;
	int i;

	if (f->state != UVMEM_VM_NORMAL)
		return;
	note("a storm of events");
	for (i = 0; i < 140; i++) {
		ret = hypercall(f->vcpu, H_SVM_INIT_START);
		CHECK(ret == H_SUCCESS, "H_SVM_INIT_START: %ld", ret);
		ret = hypercall_patient(f->vcpu, H_SVM_INIT_ABORT);
		CHECK(ret == H_PARAMETER, "H_SVM_INIT_ABORT: %ld", ret);
	}
	count_result("event storm", 0);
}

void events_close(struct fuzz *f)
{
	int i;

	for (i = 0; i < MAX_READERS; i++)
		close_reader(&f->reader[i]);
}
