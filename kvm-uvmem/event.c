// SPDX-License-Identifier: GPL-2.0-only
/*
 * event.c - the event stream of the device and of per-VM files
 *
 * Purpose
 *	Every open file has a ring of its own, so that one reader's pace or end
 *	does not concern another. Emitting never sleeps and never fails.
 *
 * Overflow
 *	The last free record of a ring is kept for an overflow record. While it is
 *	the newest and the ring is (nearly) full, further events only add to its
 *	count of lost events; normal records follow again once two are free.
 *	Each lost event takes its number: the seq of the overflow record is that
 *	of the first one lost, and seq + value[0] that of the next record.
 *
 * Notes on locking
 *	readers_lock (spin, irq-safe leaf) protects the list of readers and all
 *	rings: events are rare. reader->read_lock (mutex) makes read() take
 *	records one caller at a time; it is held across copy_to_user(), which is
 *	why a record is consumed only after it was copied.
 */
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/spinlock.h>
#include <linux/timekeeping.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "uvmem.h"

#define EVENT_RING	256	/* records per open file */

static_assert(sizeof(struct uvmem_event) == 64);

struct uvmem_event_reader {
	struct list_head node;
	u64 vm_id;		/* 0: all */
	u64 seq;		/* of the newest event, lost ones included */
	bool ended;		/* the reader's VM has ended: nothing will follow */
	unsigned int head;	/* oldest record */
	unsigned int count;
	struct uvmem_event ring[EVENT_RING];
	/* readers_lock protects the above */

	struct mutex read_lock;	/* taken by whoever consumes records */
	wait_queue_head_t wq;
};

static DEFINE_SPINLOCK(readers_lock);
static LIST_HEAD(readers);

static struct uvmem_event *reader_slot(struct uvmem_event_reader *reader, unsigned int i)
{
	return &reader->ring[(reader->head + i) % EVENT_RING];
}

static void reader_push(struct uvmem_event_reader *reader, const struct uvmem_event *event)
{
	struct uvmem_event *slot;

	lockdep_assert_held(&readers_lock);

	reader->seq++;
	if (reader->count >= EVENT_RING - 1) {
		slot = reader_slot(reader, reader->count - 1);
		if (slot->type == UVMEM_EVENT_OVERFLOW) {
			slot->value[0]++;
			return;
		}
	}

	slot = reader_slot(reader, reader->count++);
	*slot = *event;
	slot->seq = reader->seq;
	if (reader->count == EVENT_RING) {
		slot->type = UVMEM_EVENT_OVERFLOW;
		slot->vm_id = 0;
		memset(slot->value, 0, sizeof(slot->value));
		slot->value[0] = 1;
	}
}

void uvmem_event_emit(enum uvmem_event_type type, u64 vm_id, u64 v0, u64 v1)
{
	struct uvmem_event event = {
		.time_ns = ktime_get_ns(),
		.type = type,
		.vm_id = vm_id,
		.value = { v0, v1 },
	};
	struct uvmem_event_reader *reader;

	guard(spinlock_irqsave)(&readers_lock);
	list_for_each_entry(reader, &readers, node) {
		__poll_t key = EPOLLIN | EPOLLRDNORM;

		if (reader->vm_id && reader->vm_id != vm_id)
			continue;
		reader_push(reader, &event);
		if (reader->vm_id && type == UVMEM_EVENT_VM_ENDED) {
			reader->ended = true;
			key |= EPOLLHUP;
		}
		wake_up_interruptible_poll(&reader->wq, key);
	}
}

struct uvmem_event_reader *uvmem_event_open(u64 vm_id)
{
	struct uvmem_event_reader *reader;

	reader = kvzalloc_obj(*reader, GFP_KERNEL_ACCOUNT);
	if (!reader)
		return NULL;

	mutex_init(&reader->read_lock);
	init_waitqueue_head(&reader->wq);
	reader->vm_id = vm_id;

	guard(spinlock_irqsave)(&readers_lock);
	list_add_tail(&reader->node, &readers);
	return reader;
}

void uvmem_event_bind(struct uvmem_event_reader *reader, u64 vm_id)
{
	guard(spinlock_irqsave)(&readers_lock);
	WARN_ON_ONCE(reader->vm_id != UVMEM_EVENT_NO_VM || reader->count);
	reader->vm_id = vm_id;
}

void uvmem_event_close(struct uvmem_event_reader *reader)
{
	if (!reader)
		return;
	/* Emitters wake under the lock: none can have the reader after this. */
	scoped_guard(spinlock_irqsave, &readers_lock)
		list_del(&reader->node);
	kvfree(reader);
}

/* Copy the oldest record without consuming it. */
static bool reader_peek(struct uvmem_event_reader *reader, struct uvmem_event *event)
{
	guard(spinlock_irqsave)(&readers_lock);
	if (!reader->count)
		return false;
	*event = *reader_slot(reader, 0);
	return true;
}

/*
 * The record that reader_peek() returned. It is still the same: only read()
 * moves head, under read_lock, and an overflow record can grow only while it is
 * the newest of a full ring, so not while it is the oldest.
 */
static void reader_consume(struct uvmem_event_reader *reader)
{
	lockdep_assert_held(&reader->read_lock);

	guard(spinlock_irqsave)(&readers_lock);
	reader->head = (reader->head + 1) % EVENT_RING;
	reader->count--;
}

static bool reader_ready(struct uvmem_event_reader *reader)
{
	return READ_ONCE(reader->count) || READ_ONCE(reader->ended);
}

static ssize_t reader_copy(struct uvmem_event_reader *reader, char __user *buf, size_t len)
{
	struct uvmem_event event;
	ssize_t done = 0;

	lockdep_assert_held(&reader->read_lock);

	while (len - done >= sizeof(event) && reader_peek(reader, &event)) {
		if (copy_to_user(buf + done, &event, sizeof(event)))
			return done ?: -EFAULT;
		reader_consume(reader);
		done += sizeof(event);
	}
	return done;
}

ssize_t uvmem_event_read(struct uvmem_event_reader *reader, char __user *buf,
			 size_t len, bool nonblock)
{
	ssize_t ret;

	if (len < sizeof(struct uvmem_event))
		return -EINVAL;

	for (;;) {
		bool ended;

		if (!nonblock) {
			ret = wait_event_interruptible(reader->wq, reader_ready(reader));
			if (ret)
				return ret;
		}

		ret = mutex_lock_interruptible(&reader->read_lock);
		if (ret)
			return ret;
		/* Before looking for records: the last one precedes the flag's setting. */
		scoped_guard(spinlock_irqsave, &readers_lock)
			ended = reader->ended;
		ret = reader_copy(reader, buf, len);
		mutex_unlock(&reader->read_lock);

		/* 0 is the end of the file: the VM has ended and all is read. */
		if (ret || ended)
			return ret;
		if (nonblock)
			return -EAGAIN;
	}
}

__poll_t uvmem_event_poll(struct uvmem_event_reader *reader, struct file *file,
			  struct poll_table_struct *wait)
{
	__poll_t mask = 0;

	poll_wait(file, &reader->wq, wait);

	guard(spinlock_irqsave)(&readers_lock);
	if (reader->count)
		mask |= EPOLLIN | EPOLLRDNORM;
	if (reader->ended)
		mask |= EPOLLHUP;
	return mask;
}
