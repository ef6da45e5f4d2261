// SPDX-License-Identifier: GPL-2.0-only
/*
 * point.c - stop an operation at a named place, for tests
 *
 * Purpose
 *	What happens between two steps of an operation, a signal, the end of its
 *	process, another operation, seldom happens there by chance. A test asks for
 *	the next task that comes to a point to stand there, does what it wants to do
 *	meanwhile, and lets it go.
 *
 * /sys/kernel/debug/kvm-uvmem/
 *	points	all points by name, in the order of point.h, and how often
 *		each was passed
 *	stop	written: a name; the next task that comes there stands until
 *		something else is written ("none" is no point). One task only:
 *		those behind it pass. Read: "none", or the name and "armed" or
 *		"standing".
 *
 * A task that nobody lets go does so itself after POINT_TIMEOUT, and says so. It
 * does not heed signals: it is what comes after the point that has to.
 */
#include <linux/debugfs.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/seq_file.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/wait.h>

#include "point.h"

#define POINT_TIMEOUT	(60 * HZ)
#define POINT_NONE	(-1)
#define POINT_STANDING	UVMEM_NR_POINTS	/* added to the point that a task stands at */

static const char *const point_names[] = {
	[UVMEM_AT_IN_PREPARED]		= "in:prepared",
	[UVMEM_AT_IN_MARKED]		= "in:marked",
	[UVMEM_AT_IN_COLLECTED]		= "in:collected",
	[UVMEM_AT_IN_FILLED]		= "in:filled",
	[UVMEM_AT_IN_MOVED]		= "in:moved",
	[UVMEM_AT_IN_COMMITTED]		= "in:committed",
	[UVMEM_AT_IN_FINALIZED]		= "in:finalized",
	[UVMEM_AT_OUT_PREPARED]		= "out:prepared",
	[UVMEM_AT_OUT_MARKED]		= "out:marked",
	[UVMEM_AT_OUT_ZAPPED]		= "out:zapped",
	[UVMEM_AT_OUT_COLLECTED]	= "out:collected",
	[UVMEM_AT_OUT_SEALED]		= "out:sealed",
	[UVMEM_AT_OUT_MOVED]		= "out:moved",
	[UVMEM_AT_OUT_COMMITTED]	= "out:committed",
	[UVMEM_AT_OUT_FINALIZED]	= "out:finalized",
	[UVMEM_AT_POOL_MADE]		= "pool:made",
	[UVMEM_AT_POOL_KEPT]		= "pool:kept",
	[UVMEM_AT_WRITE_HELD]		= "write:held",
	[UVMEM_AT_OPEN_READ]		= "open:read",
	[UVMEM_AT_OPEN_DONE]		= "open:done",
	[UVMEM_AT_GIVE_UNSEALED]	= "give:unsealed",
	[UVMEM_AT_SHARE_MOVED]		= "share:moved",
	[UVMEM_AT_SECURE_MOVED]		= "secure:moved",
	[UVMEM_AT_UNIFORM_MARKED]	= "uniform:marked",
	[UVMEM_AT_CHANGE_PLAIN]		= "change:plain",
	[UVMEM_AT_TOUCH_ENTERED]	= "touch:entered",
	[UVMEM_AT_DROP_ENTERED]		= "drop:entered",
	[UVMEM_AT_DROP_ZAPPED]		= "drop:zapped",
	[UVMEM_AT_SLOT_RESERVED]	= "slot:reserved",
	[UVMEM_AT_ARM_KEYED]		= "arm:keyed",
	[UVMEM_AT_ARM_ATTACHED]		= "arm:attached",
	[UVMEM_AT_END_BEGUN]		= "end:begun",
	[UVMEM_AT_END_ALONE]		= "end:alone",
	[UVMEM_AT_END_FREED]		= "end:freed",
};
static_assert(ARRAY_SIZE(point_names) == UVMEM_NR_POINTS);

static atomic_t point_stop = ATOMIC_INIT(POINT_NONE);
static atomic64_t point_passed[UVMEM_NR_POINTS];
static DECLARE_WAIT_QUEUE_HEAD(point_wq);
static struct dentry *point_dir;

void uvmem_point(enum uvmem_point point)
{
	int standing = point + POINT_STANDING;

	might_sleep();
	atomic64_inc(&point_passed[point]);
	if (atomic_cmpxchg(&point_stop, point, standing) != point)
		return;
	if (wait_event_idle_timeout(point_wq, atomic_read(&point_stop) != standing,
				    POINT_TIMEOUT))
		return;
	pr_err("nobody let %s go from %s\n", current->comm, point_names[point]);
	atomic_cmpxchg(&point_stop, standing, POINT_NONE);
}

static int points_show(struct seq_file *file, void *unused)
{
	unsigned int i;

	for (i = 0; i < UVMEM_NR_POINTS; i++)
		seq_printf(file, "%s %lld\n", point_names[i], atomic64_read(&point_passed[i]));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(points);

static int stop_show(struct seq_file *file, void *unused)
{
	int stop = atomic_read(&point_stop);

	if (stop == POINT_NONE)
		seq_puts(file, "none\n");
	else
		seq_printf(file, "%s %s\n", point_names[stop % UVMEM_NR_POINTS],
			   stop < POINT_STANDING ? "armed" : "standing");
	return 0;
}

static int stop_open(struct inode *inode, struct file *file)
{
	return single_open(file, stop_show, NULL);
}

static ssize_t stop_write(struct file *file, const char __user *ubuf, size_t len, loff_t *pos)
{
	char name[32] = {};
	int stop;

	if (len >= sizeof(name))
		return -EINVAL;
	if (copy_from_user(name, ubuf, len))
		return -EFAULT;
	stop = match_string(point_names, UVMEM_NR_POINTS, strim(name));
	if (stop < 0 && strcmp(strim(name), "none"))
		return -EINVAL;

	atomic_set(&point_stop, stop < 0 ? POINT_NONE : stop);
	wake_up_all(&point_wq);
	return len;
}

static const struct file_operations stop_fops = {
	.owner		= THIS_MODULE,
	.open		= stop_open,
	.read		= seq_read,
	.write		= stop_write,
	.llseek		= seq_lseek,
	.release	= single_release,
};

void uvmem_point_init(void)
{
	point_dir = debugfs_create_dir("kvm-uvmem", NULL);
	debugfs_create_file("points", 0400, point_dir, NULL, &points_fops);
	debugfs_create_file("stop", 0600, point_dir, NULL, &stop_fops);
}

void uvmem_point_exit(void)
{
	debugfs_remove(point_dir);
}
