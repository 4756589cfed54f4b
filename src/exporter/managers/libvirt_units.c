// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/libvirt_units.h"

#include "basic/macros.h"
#include "exporter/managers/libvirt_domains.h"

#define DRIVER "qemu-"

enum { MACHINE_MAX_BYTES = 64 };

static const char scope_prefix[] = "machine-", scope_suffix[] = ".scope",
		  plain_suffix[] = ".libvirt-qemu";

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_hex(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'f');
}

static bool cut_prefix(struct slice *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || memcmp(s->p, prefix, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

static bool cut_suffix(struct slice *s, const char *suffix)
{
	size_t n = strlen(suffix);

	if (s->n < n || memcmp(s->p + s->n - n, suffix, n) != 0)
		return false;
	s->n -= n;
	return true;
}

/* "instance-HEX" at the start of a name. */
static struct slice instance_of(struct slice name)
{
	struct slice rest = name;
	size_t n = 0;

	if (!cut_prefix(&rest, "instance-"))
		return (struct slice){ name.p, 0 };
	while (n < rest.n && is_hex(rest.p[n]))
		n++;
	return (struct slice){ name.p, n ? name.n - rest.n + n : 0 };
}

/* "qemu-ID-NAME" at the start of rest. */
static bool machine_at(struct slice rest, struct libvirt_machine *ret_machine)
{
	size_t n = 0;

	if (!cut_prefix(&rest, DRIVER))
		return false;
	while (n < rest.n && is_digit(rest.p[n]))
		n++;
	if (n == 0 || n + 1 >= rest.n || rest.p[n] != '-')
		return false;
	ret_machine->id = (struct slice){ rest.p, n };
	ret_machine->name = (struct slice){ rest.p + n + 1, rest.n - n - 1 };
	ret_machine->instance = instance_of(ret_machine->name);
	return true;
}

/* An instance of OpenStack is one whatever stands before and behind it. */
static bool instance_anywhere(struct slice name, struct libvirt_machine *ret_machine)
{
	for (size_t at = 0; at < name.n; at++) {
		struct slice rest = { name.p + at, name.n - at };

		if (machine_at(rest, ret_machine) && ret_machine->instance.n)
			return true;
	}
	return false;
}

bool libvirt_machine_parse(struct slice name, struct libvirt_machine *ret_machine)
{
	struct slice rest = name;
	bool is_scope = cut_prefix(&rest, scope_prefix) && cut_suffix(&rest, scope_suffix);
	struct libvirt_machine machine;

	if (!is_scope)
		rest = name;
	if ((is_scope || cut_suffix(&rest, plain_suffix)) && machine_at(rest, &machine)) {
		*ret_machine = machine;
		return true;
	}
	if (!instance_anywhere(name, &machine))
		return false;
	machine.name = machine.instance;
	*ret_machine = machine;
	return true;
}

static bool kept(char c)
{
	return is_digit(c) || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool libvirt_machine_is_of(const struct libvirt_machine *machine, struct slice domain_name)
{
	const size_t before = strlen(DRIVER) + machine->id.n + 1;
	const size_t max = before < MACHINE_MAX_BYTES ? MACHINE_MAX_BYTES - before : 0;
	char text[MACHINE_MAX_BYTES];
	bool skip = true;
	size_t n = 0;

	for (size_t i = 0; i < domain_name.n && n < max; i++) {
		char c = domain_name.p[i];

		if (c == '.' || c == '-') {
			if (!skip)
				text[n++] = c;
			skip = true;
			continue;
		}
		skip = false;
		if (kept(c))
			text[n++] = c;
	}
	while (n && (text[n - 1] == '.' || text[n - 1] == '-'))
		n--;
	return n == machine->name.n && memcmp(text, machine->name.p, n) == 0;
}

static void set_name(char ret_name[UNIT_NAME_MAX], struct slice name)
{
	size_t n = MIN(name.n, UNIT_NAME_MAX - 1);

	memcpy(ret_name, name.p, n);
	ret_name[n] = '\0';
}

static enum unit_path_is classify(
	enum cgroup_version version, struct slice path, struct unit_match *match)
{
	struct libvirt_machine machine;
	char text[UNIT_NAME_MAX];
	struct slice component;

	while (slice_next(&path, '/', &component)) {
		int n = cgroup_unescape(component, text, sizeof(text));

		if (n < 0)
			return UNIT_PATH_CHILD;
		if (!libvirt_machine_parse((struct slice){ text, (size_t)n }, &machine))
			continue;
		set_name(match->id, machine.instance.n ? machine.instance : machine.name);
		match->virtual_host[0] = '\0';
		return path.p ? UNIT_PATH_CHILD : UNIT_PATH_UNIT;
	}
	return UNIT_PATH_OTHER;
}

/* Without systemd the first, with it the second. */
static const char *const roots[] = { "machine", "machine.slice", NULL };

/* A hybrid host has no directories of domains in cpuacct: usage is counted in the v2 mount. */
static const char *const other_hierarchies[] = { "cpu", "memory", "cpuset", "blkio", "unified",
	NULL };

const struct unit_manager libvirt_unit_manager = {
	.name = "libvirt",
	.root_names = roots,
	.first_root_only = true,
	.other_hierarchies = other_hierarchies,
	.classify = classify,
	.cpus_from = UNIT_CPUS_VCPU_DIRS,
	.identify = libvirt_domains_identify,
	.generation = libvirt_domains_generation,
};
