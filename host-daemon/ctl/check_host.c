// SPDX-License-Identifier: GPL-2.0-or-later
/* check_host.c - uvmemctl check-host: can this host run secure guests by libvirt? */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <string.h>
#include <sys/stat.h>

#include "findings.h"

#define HOOK		"/etc/libvirt/hooks/qemu.d/kvm-uvmem"
#define QEMU_CONF	"/etc/libvirt/qemu.conf"
#define APPARMOR	"/etc/apparmor.d/local/abstractions/libvirt-qemu"
#define DEFAULT_USER	"libvirt-qemu"

static char *read_all(const char *path)
{
	cleanup_file FILE *f = fopen(path, "re");
	size_t room = 1U << 20, len;
	char *text;

	if (!f)
		return NULL;
	text = malloc(room);
	if (!text)
		return NULL;
	len = fread(text, 1, room - 1, f);
	text[len] = '\0';
	return text;
}

/* Blank out comments, as libvirt's parser has them: "#" outside of quotes. */
static void strip_comments(char *text)
{
	bool quoted = false, comment = false;

	for (; *text; text++) {
		if (*text == '\n')
			comment = false;
		else if (*text == '"' && !comment)
			quoted = !quoted;
		else if (*text == '#' && !quoted)
			comment = true;
		if (comment)
			*text = ' ';
	}
}

/* The value of the last "key = ..." of libvirt's configuration, or NULL; not unquoted. */
static const char *conf_value(const char *text, const char *key)
{
	const char *at, *found = NULL, *end;

	for (at = strstr(text, key); at; at = strstr(at + 1, key)) {
		const char *before = at;

		while (before > text && (before[-1] == ' ' || before[-1] == '\t'))
			before--;
		if (before > text && before[-1] != '\n')
			continue;
		end = at + strlen(key);
		end += strspn(end, " \t");
		if (*end == '=')
			found = end + 1;
	}
	return found;
}

/* Is @word in the list (or string) at @value, as a whole? */
static bool conf_has(const char *value, const char *word)
{
	const char *end, *at;
	size_t len = strlen(word);

	value += strspn(value, " \t");
	end = strchr(value, *value == '[' ? ']' : '\n');
	for (at = strstr(value, word); at && (!end || at < end); at = strstr(at + 1, word))
		if (at[-1] == '"' && at[len] == '"')
			return true;
	return false;
}

static void check_module(struct findings *f, struct kernel **ret)
{
	struct uvmem_info info;
	int err = kernel_open(ret);

	findings_check(f, "for the module", !err, DOMAIN_FAIL,
		       "%s: %s; try: modprobe -a kvm_amd kvm-uvmem (or kvm_intel)",
		       UVMEM_DEVICE_PATH, kernel_open_error(err));
	if (err) {
		*ret = NULL;
		return;
	}
	err = (*ret)->ops->info(*ret, &info);
	findings_check(f, "whether unmodified guests are possible",
		       !err && info.capabilities & UVMEM_CAP_SEV, DOMAIN_FAIL,
		       "physical addresses have less than 40 bits, or two-dimensional paging is off (npt=1, ept=1)");
	findings_check(f, "whether emulators can arm guests",
		       !err && info.capabilities & UVMEM_CAP_ARM_NEW, DOMAIN_FAIL,
		       "the kvm-uvmem.ko that is loaded is too old");
}

static void check_pool(struct findings *f, struct kernel *kernel)
{
	struct uvmem_pool pool;
	int err = kernel->ops->pool(kernel, &pool);
	char free_text[OUTPUT_ROOM];

	if (err) {
		findings_check(f, "for secure memory", false, DOMAIN_FAIL, "%s", strerror(-err));
		return;
	}
	output_bytes(free_text, pool.frames_limit > pool.frames_used ?
		     (pool.frames_limit - pool.frames_used) * 4096 : 0);
	findings_check(f, "for free secure memory",
		       pool.frames_limit - pool.frames_limit / 16 > pool.frames_used,
		       DOMAIN_WARN, "only %s of it are free: new guests live on what others give up",
		       free_text);
}

static bool is_member(const char *user, gid_t group)
{
	struct passwd *pw = getpwnam(user);
	gid_t groups[128];
	int nr = ARRAY_LEN(groups), i;

	if (!pw || getgrouplist(user, pw->pw_gid, groups, &nr) < 0)
		return false;
	for (i = 0; i < nr; i++)
		if (groups[i] == group)
			return true;
	return false;
}

static void conf_user(const char *conf, char *user, size_t room)
{
	const char *value = conf ? conf_value(conf, "user") : NULL;

	snprintf(user, room, DEFAULT_USER);
	if (!value)
		return;
	value += strspn(value, " \t\"+");
	snprintf(user, room, "%.*s", (int)strcspn(value, "\"\n "), value);
}

static void check_device(struct findings *f, const char *conf)
{
	struct stat st;
	char user[64];
	struct group *gr;
	bool may;

	conf_user(conf, user, sizeof(user));
	if (stat(UVMEM_DEVICE_PATH, &st))
		return;
	gr = getgrgid(st.st_gid);
	may = (st.st_mode & 0006) == 0006 || !strcmp(user, "root") ||
	      ((st.st_mode & 0060) == 0060 && is_member(user, st.st_gid));
	findings_check(f, "whether QEMU's user may open the device", may, DOMAIN_FAIL,
		       "%s belongs to group %s, which %s is not in: install the udev rule 60-kvm-uvmem.rules, and usermod -aG kvm-uvmem %s",
		       UVMEM_DEVICE_PATH, gr ? gr->gr_name : "?", user, user);
}

static void check_qemu_conf(struct findings *f)
{
	cleanup_free char *conf = read_all(QEMU_CONF);
	const char *acl;
	bool good;

	if (!conf) {
		findings_check(f, "libvirt's configuration", false, DOMAIN_WARN, "%s: %s",
			       QEMU_CONF, strerror(errno));
		check_device(f, NULL);
		return;
	}
	strip_comments(conf);
	check_device(f, conf);
	acl = conf_value(conf, "cgroup_device_acl");
	/* For the private /dev as for the devices cgroup. */
	good = acl && conf_has(acl, UVMEM_DEVICE_PATH);
	findings_check(f, "whether libvirt gives QEMU the device", good, DOMAIN_FAIL,
		       "add \"" UVMEM_DEVICE_PATH "\" to cgroup_device_acl in %s, and restart libvirtd",
		       QEMU_CONF);
}

static void check_programs(struct findings *f)
{
	findings_check(f, "for the emulator", !access(DOMAIN_EMULATOR, X_OK), DOMAIN_FAIL,
		       "%s: %s", DOMAIN_EMULATOR, strerror(errno));
	findings_check(f, "for QEMU", !access("/usr/bin/qemu-system-x86_64", X_OK), DOMAIN_FAIL,
		       "/usr/bin/qemu-system-x86_64: %s", strerror(errno));
	findings_check(f, "for libvirt's hook", !access(HOOK, X_OK), DOMAIN_FAIL,
		       "%s: %s; libvirtd has to be restarted after it was installed", HOOK,
		       strerror(errno));
}

/* libvirt's profile for QEMU is in force if libvirtd's own is. */
static void check_apparmor(struct findings *f)
{
	cleanup_free char *profiles = read_all("/sys/kernel/security/apparmor/profiles");
	cleanup_free char *local = NULL;

	if (!profiles || !strstr(profiles, "libvirtd"))
		return;
	local = read_all(APPARMOR);
	findings_check(f, "whether AppArmor lets QEMU have the device",
		       local && strstr(local, UVMEM_DEVICE_PATH), DOMAIN_FAIL,
		       "%s does not allow it: see configs/apparmor/", APPARMOR);
}

int cmd_check_host(struct ctl *ctl, int argc, char *argv[])
{
	struct kernel *kernel = NULL;
	struct findings findings;
	int status;

	status = ctl_no_arguments(ctl, argc, argv);
	if (!status)
		status = findings_begin(&findings, ctl, "host");
	if (status)
		return status;
	check_module(&findings, &kernel);
	if (kernel) {
		check_pool(&findings, kernel);
		kernel->ops->close(kernel);
	}
	check_qemu_conf(&findings);
	check_programs(&findings);
	check_apparmor(&findings);
	return findings_end(&findings);
}
