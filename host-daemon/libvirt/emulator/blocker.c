// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * blocker.c - keep QEMU from saving or migrating what it cannot read
 *
 * QEMU would write ciphertext to the file or over the network and end the guest,
 * which nothing could bring back. QEMU knows of things that cannot migrate and refuses
 * before it begins, libvirt asks for the reasons beforehand; but there is no option
 * to name a reason. Among them are images in formats whose drivers keep state of
 * their own. So it gets one, empty, read-only, that no device is connected to; the guest
 * cannot see it. Its name is the only thing of ours in QEMU's message:
 *
 *	The vdi format used by node 'memory-of-a-secure-guest' does not support
 *	live migration
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "blocker.h"
#include "cleanup.h"

#define NODE		"memory-of-a-secure-guest"
/* libvirt numbers its own from 0. */
#define FDSET		"1970696549"
#define SECTOR		512
#define BLOCK		(1U << 20)

/* The header of a VDI image, little endian, as QEMU's block driver checks it. */
struct vdi_header {
	char text[0x40];
	uint32_t signature;
	uint32_t version;
	uint32_t header_size;
	uint32_t image_type;
	uint32_t image_flags;
	char description[256];
	uint32_t offset_map;
	uint32_t offset_data;
	uint32_t cylinders, heads, sectors;
	uint32_t sector_size;
	uint32_t unused1;
	uint64_t disk_size;
	uint32_t block_size;
	uint32_t block_extra;
	uint32_t blocks;
	uint32_t blocks_allocated;
	uint8_t uuids[4][16];
	uint8_t unused2[56];
};

_Static_assert(sizeof(struct vdi_header) == SECTOR, "a sector");

/* An image of one block, none of it allocated. */
static int write_image(int fd)
{
	static const struct vdi_header header = {
		.text = "<<< a guest that cannot be saved >>>\n",
		.signature = 0xbeda107f,
		.version = 0x00010001,
		.header_size = 0x180,
		.image_type = 1,
		.offset_map = SECTOR,
		.offset_data = 2 * SECTOR,
		.sector_size = SECTOR,
		.disk_size = BLOCK,
		.block_size = BLOCK,
		.blocks = 1,
		.uuids = { { 1 }, { 1 } },
	};
	uint32_t map[SECTOR / sizeof(uint32_t)];

	memset(map, 0xff, sizeof(map));
	if (write(fd, &header, sizeof(header)) != (ssize_t)sizeof(header) ||
	    write(fd, map, sizeof(map)) != (ssize_t)sizeof(map))
		return -EIO;
	return 0;
}

int blocker_options(const char *options[BLOCKER_OPTIONS])
{
	static char add_fd[64];
	cleanup_close int writer = memfd_create(NODE, MFD_CLOEXEC);
	char path[64];
	int fd, err;

	if (writer < 0)
		return -errno;
	err = write_image(writer);
	if (err)
		return err;
	/* QEMU wants a descriptor that can do just what it means to do. */
	snprintf(path, sizeof(path), "/proc/self/fd/%d", writer);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return -errno;
	snprintf(add_fd, sizeof(add_fd), "set=" FDSET ",fd=%d", fd);

	options[0] = "-add-fd";
	options[1] = add_fd;
	options[2] = "-blockdev";
	options[3] = "driver=vdi,node-name=" NODE ",read-only=on,file.driver=file,file.locking=off,"
		     "file.filename=/dev/fdset/" FDSET;
	return 0;
}
