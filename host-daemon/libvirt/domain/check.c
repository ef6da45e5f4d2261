// SPDX-License-Identifier: GPL-2.0-or-later
/*
 * check.c - what in a domain's XML would keep it from being secure
 *
 * A rule is a function that looks at one part and reports it once: as good, or with
 * what is wrong and how to mend it. DOMAIN_FAIL where the domain does not start, its
 * guest is not secure, or it dies of something ordinary. docs/secure-guests.md has
 * the reasons at length.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "domain.h"
#include "xml.h"

/* What the rules share. */
struct check {
	const struct domain *dom;
	domain_report_fn *report;
	void *opaque;
	xmlNodePtr devices;
};

static void good(struct check *c, const char *what)
{
	c->report(c->opaque, what, DOMAIN_PASS, NULL);
}

__attribute__((format(printf, 4, 5)))
static void bad(struct check *c, const char *what, enum domain_result result,
		const char *format, ...)
{
	char why[512];
	va_list args;

	va_start(args, format);
	vsnprintf(why, sizeof(why), format, args);
	va_end(args);
	c->report(c->opaque, what, result, why);
}

static void check_settings(struct check *c)
{
	struct domain_settings settings;
	char why[256];

	if (domain_settings_get(c->dom, &settings, why, sizeof(why)))
		bad(c, "metadata", DOMAIN_FAIL, "%s", why);
	else
		good(c, "metadata");
}

static void check_emulator(struct check *c)
{
	if (domain_has_emulator(c->dom))
		good(c, "emulator");
	else
		bad(c, "emulator", DOMAIN_FAIL,
		    "it is %s, which arms nothing: set <emulator>" DOMAIN_EMULATOR "</emulator>",
		    *c->dom->emulator ? c->dom->emulator : "libvirt's choice");
}

static void check_type(struct check *c)
{
	const char *type = xml_attr(c->dom->root, "type");

	if (!strcmp(type, "kvm"))
		good(c, "domain type");
	else
		bad(c, "domain type", DOMAIN_FAIL, "it is '%s': set <domain type='kvm'>", type);
}

static void check_machine(struct check *c)
{
	xmlNodePtr type = xml_find(c->dom->root, "os/type");
	const char *machine = xml_attr(type, "machine"), *arch = xml_attr(type, "arch");

	if (*arch && strcmp(arch, "x86_64"))
		bad(c, "machine", DOMAIN_FAIL, "its architecture is %s: only x86_64 can be secure",
		    arch);
	else if (strcmp(machine, "q35") && strncmp(machine, "pc-q35-", strlen("pc-q35-")))
		bad(c, "machine", DOMAIN_FAIL,
		    "'%s' cannot have virtio devices that use bounce buffers: set <type arch='x86_64' machine='q35'>",
		    machine);
	else
		good(c, "machine");
}

static void check_firmware(struct check *c)
{
	xmlNodePtr os = xml_find(c->dom->root, "os"), loader = xml_child(os, "loader", NULL);
	xmlNodePtr smm = xml_find(c->dom->root, "features/smm");

	if (smm && !xml_attr_is(smm, "state", "off"))
		bad(c, "firmware", DOMAIN_FAIL,
		    "SMM is not possible in a secure guest: remove <smm/>, or <smm state='off'/>");
	else if (xml_attr_is(loader, "secure", "yes"))
		bad(c, "firmware", DOMAIN_FAIL,
		    "secure boot needs SMM: use firmware without it, or no <loader>");
	else
		good(c, "firmware");
}

static void check_cpu(struct check *c)
{
	xmlNodePtr cpu = xml_find(c->dom->root, "cpu");
	xmlNodePtr hidden = xml_find(c->dom->root, "features/kvm/hidden");
	const char *mode = xml_attr(cpu, "mode");

	if (xml_attr_is(hidden, "state", "on"))
		bad(c, "CPU", DOMAIN_FAIL,
		    "the guest must see KVM, or it does not declare its memory secure: remove <hidden state='on'/>");
	else if (!strcmp(mode, "host-passthrough") || !strcmp(mode, "maximum"))
		good(c, "CPU");
	else
		bad(c, "CPU", DOMAIN_WARN,
		    "only <cpu mode='host-passthrough'/> has been tried, and no guest can migrate anyway");
}

static void check_memory_backing(struct check *c)
{
	xmlNodePtr backing = xml_find(c->dom->root, "memoryBacking"), cell, cells;
	xmlNodePtr source = xml_child(backing, "source", NULL);
	const char *type = xml_attr(source, "type");
	static const char what[] = "memory backing";

	cells = xml_find(c->dom->root, "cpu/numa");
	for (cell = xml_child(cells, "cell", NULL); cell; cell = xml_child(cells, "cell", cell)) {
		if (xml_attr_is(cell, "memAccess", "shared")) {
			bad(c, what, DOMAIN_FAIL,
			    "NUMA cell %s is shared memory, which cannot become secure: remove memAccess='shared'",
			    xml_attr(cell, "id"));
			return;
		}
	}
	if (xml_child(backing, "hugepages", NULL))
		bad(c, what, DOMAIN_FAIL,
		    "hugetlb pages cannot become secure: remove <hugepages/>, transparent huge pages are used");
	else if (*type && strcmp(type, "anonymous"))
		bad(c, what, DOMAIN_FAIL,
		    "memory of type '%s' cannot become secure: remove <source type='%s'/>", type,
		    type);
	else if (xml_attr_is(xml_child(backing, "access", NULL), "mode", "shared"))
		bad(c, what, DOMAIN_FAIL,
		    "shared memory cannot become secure: remove <access mode='shared'/>");
	else if (xml_child(backing, "locked", NULL))
		bad(c, what, DOMAIN_WARN,
		    "locked memory stays in RAM as ciphertext when it is paged out: remove <locked/>");
	else
		good(c, what);
}

static void check_memory_devices(struct check *c)
{
	xmlNodePtr node;

	/* What is attached to a running guest does not come by here any more. */
	if (xml_child(c->dom->root, "maxMemory", NULL))
		bad(c, "memory hotplug", DOMAIN_FAIL,
		    "a guest does not declare memory that is added, which would not be secure: remove <maxMemory>");
	for (node = xml_child(c->devices, "memory", NULL); node;
	     node = xml_child(c->devices, "memory", node)) {
		const char *model = xml_attr(node, "model");

		if (!strcmp(model, "dimm"))
			bad(c, "memory device", DOMAIN_FAIL,
			    "a guest does not declare memory that it finds later, which would not be secure: remove it");
		else
			bad(c, "memory device", DOMAIN_FAIL,
			    "memory of model '%s' is shared with the host: remove it", model);
	}
}

static void check_virtio(void *opaque, xmlNodePtr device, const char *id)
{
	struct check *c = opaque;
	char what[128];

	snprintf(what, sizeof(what), "virtio %s%s%s", (const char *)device->name, *id ? " " : "",
		 id);
	if (xml_attr_is(xml_child(device, "driver", NULL), "iommu", "on"))
		good(c, what);
	else
		bad(c, what, DOMAIN_FAIL,
		    "the guest refuses it, for it would reach past the bounce buffers: set <driver iommu='on'/> in it");
}

static void check_balloon(struct check *c)
{
	xmlNodePtr balloon = xml_child(c->devices, "memballoon", NULL);

	if (balloon && xml_attr_is(balloon, "model", "none"))
		good(c, "memory balloon");
	else
		bad(c, "memory balloon", DOMAIN_FAIL,
		    "what it gives back is lost to a secure guest, which is stopped when it comes back for it: set <memballoon model='none'/>");
}

/* Devices whose other end is outside of QEMU, or that hold memory for the hardware. */
static void check_foreign_devices(struct check *c)
{
	const char *found = NULL, *fix = "remove it";
	xmlNodePtr device;

	for (device = xml_child(c->devices, NULL, NULL); device && !found;
	     device = xml_child(c->devices, NULL, device)) {
		const char *type = xml_attr(device, "type");

		if (xml_is(device, "hostdev") && !xml_attr_is(device, "type", "usb")) {
			found = "<hostdev>: VFIO pins the guest's memory";
		} else if (xml_is(device, "interface") && !strcmp(type, "hostdev")) {
			found = "<interface type='hostdev'>: VFIO pins the guest's memory";
			fix = "use type='network' or 'bridge'";
		} else if (xml_is(device, "interface") && !strcmp(type, "vdpa")) {
			found = "<interface type='vdpa'>: the device pins the guest's memory";
			fix = "use type='network' or 'bridge'";
		} else if (xml_is(device, "interface") && !strcmp(type, "vhostuser")) {
			found = "<interface type='vhostuser'> needs shared memory";
			fix = "use type='network' or 'bridge'";
		} else if (xml_is(device, "disk") && !strcmp(type, "vhostuser")) {
			found = "<disk type='vhostuser'> needs shared memory";
			fix = "use type='file' or 'block'";
		} else if (xml_is(device, "filesystem") &&
			   xml_attr_is(xml_child(device, "driver", NULL), "type", "virtiofs")) {
			found = "virtiofs needs shared memory";
			fix = "use a disk or a network file system";
		} else if (xml_is(device, "shmem")) {
			found = "<shmem> is shared memory";
		}
	}
	if (found)
		bad(c, "devices outside of QEMU", DOMAIN_FAIL, "%s, which cannot become secure: %s",
		    found, fix);
	else
		good(c, "devices outside of QEMU");
}

static void check_launch_security(struct check *c)
{
	if (xml_find(c->dom->root, "launchSecurity"))
		bad(c, "launch security", DOMAIN_FAIL,
		    "it asks for the hardware's encrypted memory, where ours is not possible: remove <launchSecurity>");
	else
		good(c, "launch security");
}

void domain_check(const struct domain *dom, domain_report_fn *report, void *opaque)
{
	struct check c = {
		.dom = dom, .report = report, .opaque = opaque,
		.devices = xml_find(dom->root, "devices"),
	};

	check_settings(&c);
	check_type(&c);
	check_machine(&c);
	check_firmware(&c);
	check_cpu(&c);
	check_memory_backing(&c);
	check_memory_devices(&c);
	check_launch_security(&c);
	check_emulator(&c);
	xml_each_virtio(dom, check_virtio, &c);
	check_balloon(&c);
	check_foreign_devices(&c);
}
