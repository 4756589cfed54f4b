// SPDX-License-Identifier: Apache-2.0
/*
 * Virtual machines: whole answers for whole trees, against tests/golden/libvirt/, and how the table
 * follows definitions that change. gpus_*() are stand-ins that write down who holds what.
 */
#include <errno.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "alloc_fail.h"
#include "exporter/managers/libvirt_domains.h"
#include "exporter/managers/libvirt_units.h"
#include "golden.h"
#include "host/domain_xml.h"
#include "unit_fixture.h"

enum { ALL_SETS = UNIT_FILES_SWAP | UNIT_FILES_PRESSURE | UNIT_FILES_BLKIO };

static struct unit_fixture f;
static struct libvirt_domains *domains;
static char folders[2][128];
static int64_t now_ns;
static char bound[1024];

bool gpus_any(struct gpus *gpus)
{
	return true;
}

uint64_t gpus_generation(struct gpus *gpus)
{
	return 1;
}

int gpus_collect(struct gpus *g, const char *name, struct scrape *s)
{
	return 0;
}

int gpus_bind(struct gpus *gpus, const char *manager, const struct gpu_request *requests, size_t n)
{
	size_t len = 0;

	assert_string_equal(manager, "libvirt");
	bound[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < requests[i].n_refs; k++)
			len += (size_t)snprintf(bound + len, sizeof(bound) - len, "%s=%s:%s ",
				requests[i].key.uuid,
				requests[i].refs[k].kind == GPU_REF_PCI ? "pci" : "mdev",
				requests[i].refs[k].text);
	}
	return 0;
}

static int64_t monotonic(void *ctx)
{
	return now_ns;
}

static const struct clock clock = { monotonic, monotonic, NULL };

static int setup(void **state)
{
	const char *const v[] = { folders[0], folders[1] };

	fixture_init(&f);
	now_ns = 1000000000;
	snprintf(folders[0], sizeof(folders[0]), "%s/qemu", f.tree.path);
	snprintf(folders[1], sizeof(folders[1]), "%s/more", f.tree.path);
	assert_int_equal(libvirt_domains_new(v, 2, &clock, &domains), 0);
	f.manager = &libvirt_unit_manager;
	f.manager_ctx = domains;
	f.gpus = (struct gpus *)&bound;
	bound[0] = '\0';
	return 0;
}

static int teardown(void **state)
{
	fixture_done(&f);
	libvirt_domains_free(domains);
	return 0;
}

/* Twice, as the second answer comes from files that are open already. */
static void check(
	const char *fixture, enum cgroup_version version, unsigned sets, const char *golden)
{
	char name[128];

	snprintf(name, sizeof(name), "libvirt/%s", fixture);
	tree_load(&f.tree, name);
	fixture_open(&f, version, sets, 1000);
	snprintf(name, sizeof(name), "libvirt/%s", golden);
	for (int i = 0; i < 2; i++) {
		fixture_scrape(&f, 0);
		golden_check(name, buffer_text(&f.text), f.text.len);
	}
}

static void v2_with_systemd(void **state)
{
	check("v2-systemd.tree", CGROUP_V2, ALL_SETS, "v2-systemd.prom");
	assert_string_equal(bound,
		"0000000a-0000-4000-8000-00000000000a=pci:0000:10:00.0 "
		"0000000a-0000-4000-8000-00000000000a=mdev:c6f6d1b0-11d4-4c1a-8d5b-0f7a0e4d3a21 ");
	assert_int_equal(fixture_logged(&f, "no definition of the virtual machine"), 1);
	assert_int_equal(fixture_logged(&f, "unit=instance-0000000b err=\"no such file\""), 1);
}

static void v2_without_the_optional_series(void **state)
{
	check("v2-systemd.tree", CGROUP_V2, 0, "v2-systemd-plain.prom");
}

static void v2_without_systemd(void **state)
{
	check("v2-plain.tree", CGROUP_V2, ALL_SETS, "v2-plain.prom");
}

static void v2_as_recorded_in_a_guest(void **state)
{
	check("v2-guest.tree", CGROUP_V2, ALL_SETS, "v2-guest.prom");
	assert_int_equal(fixture_logged(&f, "level=WARN"), 0);
}

static void v1_with_systemd(void **state)
{
	check("v1-systemd.tree", CGROUP_V1, ALL_SETS, "v1-systemd.prom");
	assert_int_equal(fixture_logged(&f, "instance-0000000b.xml: line 3"), 1);
}

static void v1_without_systemd(void **state)
{
	check("v1-plain.tree", CGROUP_V1, ALL_SETS, "v1-plain.prom");
}

static void one_fault_each(void **state)
{
	check("odd.tree", CGROUP_V2, ALL_SETS, "odd.prom");
	assert_int_equal(fixture_logged(&f, "no definition of the virtual machine"), 9);
	assert_int_equal(fixture_logged(&f, "declares an entity"), 2);
	assert_int_equal(fixture_logged(&f, "more than one definition could be meant"), 1);
}

#define MACHINE(id, name) "cgroup/machine/qemu-" id "-" name ".libvirt-qemu"
#define DEFINITION(uuid) "<domain><uuid>" uuid "</uuid></domain>"
#define RUNNING(id, uuid) \
	"<domstatus><domain id='" id "'><uuid>" uuid "</uuid></domain></domstatus>"

static void put_machine(const char *path)
{
	char file[256];

	snprintf(file, sizeof(file), "%s/cpu.stat", path);
	tree_put(&f.tree, file, "usage_usec 3\nuser_usec 2\nsystem_usec 1\n");
	snprintf(file, sizeof(file), "%s/vcpu0/", path);
	tree_mkdirs(&f.tree, file);
}

/* A file that is renamed over the old one, as libvirt does it. */
static void put_definition(const char *file, const char *text)
{
	char path[256];

	snprintf(path, sizeof(path), "%s/%s", f.tree.path, file);
	tree_mkdirs(&f.tree, file);
	assert_int_equal(file_replace(path, 0600, text, strlen(text), NULL), 0);
}

/* The uuids, in order: "a b ". */
static const char *uuids(void)
{
	static char found[512];
	struct slice rest = slice_from(fixture_scrape(&f, 0)), line;
	size_t n = 0;

	found[0] = '\0';
	while (slice_next_line(&rest, &line)) {
		char text[512], *uuid;

		snprintf(text, sizeof(text), "%.*s", (int)line.n, line.p);
		if (!str_starts(text, "ceems_compute_unit_cpus{"))
			continue;
		uuid = strstr(text, "uuid=\"") + 6;
		n += (size_t)snprintf(
			found + n, sizeof(found) - n, "%.*s ", (int)strcspn(uuid, "\""), uuid);
	}
	return found;
}

static void a_definition_that_changes_is_read_anew(void **state)
{
	put_machine(MACHINE("3", "instance-0a"));
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(uuids(), "instance-0a ");
	put_definition("qemu/instance-0a.xml", DEFINITION("first"));
	assert_string_equal(uuids(), "first ");
	put_definition("qemu/instance-0a.xml",
		"<domain><uuid>second</uuid><devices><hostdev type='mdev'><source>"
		"<address uuid='m'/></source></hostdev></devices></domain>");
	assert_string_equal(uuids(), "second ");
	assert_string_equal(bound, "second=mdev:m ");
	/* What was known stays as long as the machine is there. */
	put_definition("qemu/instance-0a.xml", "<domain>");
	assert_string_equal(uuids(), "second ");
	tree_remove(&f.tree, "qemu");
	assert_string_equal(uuids(), "second ");
	assert_string_equal(bound, "second=mdev:m ");
	assert_int_equal(fixture_logged(&f, "no definition of the virtual machine"), 2);
}

static void a_file_that_is_written_in_place_is_read_after_a_quarter_of_an_hour(void **state)
{
	put_machine(MACHINE("3", "instance-0a"));
	put_definition("qemu/instance-0a.xml", DEFINITION("first"));
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(uuids(), "first ");
	tree_put(&f.tree, "qemu/instance-0a.xml", DEFINITION("longer than before"));
	now_ns += (int64_t)(LIBVIRT_REFRESH_S - 2) * 1000000000;
	assert_string_equal(uuids(), "first ");
	now_ns += (int64_t)4 * 1000000000;
	assert_string_equal(uuids(), "longer than before ");
}

static void the_definition_of_the_running_domain_comes_first(void **state)
{
	put_machine(MACHINE("3", "web"));
	put_definition("more/web.xml", DEFINITION("defined"));
	put_definition("qemu/web.xml", RUNNING("2", "another"));
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(uuids(), "defined ");
	put_definition("qemu/w_eb.xml", RUNNING("3", "running"));
	assert_string_equal(uuids(), "running ");
	/* Nothing else changed, so nothing is read. */
	put_definition("qemu/unrelated.xml", RUNNING("9", "unrelated"));
	assert_string_equal(uuids(), "running ");
}

static void equal_machine_names_are_told_apart_by_the_id(void **state)
{
	put_machine(MACHINE("1", "myvm"));
	put_machine(MACHINE("2", "myvm"));
	put_definition("qemu/myvm.xml", RUNNING("2", "plain"));
	put_definition("qemu/my vm.xml", RUNNING("1", "blank"));
	put_definition("qemu/my_vm.xml", RUNNING("7", "other"));
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(uuids(), "blank plain ");
}

static void another_domain_of_that_name_is_not_taken_for_it(void **state)
{
	put_machine(MACHINE("3", "web"));
	put_definition("qemu/web.xml", RUNNING("2", "another"));
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(uuids(), "web ");
	assert_int_equal(fixture_logged(&f, "no such file"), 1);
}

static void a_machine_that_vanishes_while_it_is_read_is_left_out(void **state)
{
	put_machine(MACHINE("1", "a"));
	put_machine(MACHINE("2", "b"));
	put_definition("qemu/a.xml", DEFINITION("a"));
	put_definition("qemu/b.xml", DEFINITION("b"));
	fixture_open(&f, CGROUP_V2, 0, 0);
	assert_string_equal(uuids(), "a b ");
	tree_remove(&f.tree, MACHINE("1", "a"));
	assert_string_equal(uuids(), "b ");
	put_machine(MACHINE("4", "a"));
	assert_string_equal(uuids(), "a b ");
}

static void roots_that_come_later_are_found(void **state)
{
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(uuids(), "");
	assert_int_equal(fixture_logged(&f, "no control group of the manager"), 1);
	put_machine("cgroup/machine.slice/machine-qemu\\x2d1\\x2da.scope");
	assert_string_equal(uuids(), "a ");
	tree_remove(&f.tree, "cgroup/machine.slice");
	assert_string_equal(uuids(), "");
	put_machine(MACHINE("1", "b"));
	assert_string_equal(uuids(), "b ");
}

static void virtual_cpus_that_are_added_are_seen(void **state)
{
	const struct unit_sample *samples;
	size_t n;

	put_machine(MACHINE("1", "a"));
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
	assert_int_equal(n, 1);
	assert_int_equal(samples[0].alloc_cpus_milli, 1000);
	assert_int_equal(samples[0].cpu_usage_us, 3);
	tree_mkdirs(&f.tree, MACHINE("1", "a") "/vcpu1/");
	for (int i = 0; i < 16; i++)
		assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
	assert_int_equal(samples[0].alloc_cpus_milli, 2000);
	tree_mkdirs(&f.tree, MACHINE("1", "a") "/vcpu2/");
	assert_non_null(strstr(fixture_scrape(&f, 0), "manager=\"libvirt\",uuid=\"a\"} 3\n"));
	assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
	assert_int_equal(samples[0].alloc_cpus_milli, 3000);
}

static void a_hybrid_host_without_directories_in_cpuacct(void **state)
{
	check("hybrid.tree", CGROUP_V1, ALL_SETS, "hybrid.prom");
}

static void huge_definitions_are_refused(void **state)
{
	size_t n = DOMAIN_XML_MAX_BYTES + 1;
	char *huge = malloc(n + 1);

	memset(huge, ' ', n);
	huge[n] = '\0';
	memcpy(huge, "<domain>", 8);
	put_machine(MACHINE("1", "instance-1"));
	put_definition("qemu/instance-1.xml", huge);
	fixture_open(&f, CGROUP_V2, 0, 100);
	assert_string_equal(uuids(), "instance-1 ");
	free(huge);
	assert_int_equal(fixture_logged(&f, "instance-1.xml: File too large") +
			fixture_logged(&f, "instance-1.xml: Larger than the limit"),
		1);
}

static void definitions_survive_every_failing_allocation(void **state)
{
	put_machine(MACHINE("1", "myvm"));
	put_definition("qemu/my_vm.xml", RUNNING("1", "uuid"));
	for (size_t nth = 1; nth < 40; nth++) {
		const struct unit_sample *samples;
		size_t n;

		fixture_open(&f, CGROUP_V2, 0, 100);
		alloc_fail_at(nth);
		(void)unit_table_sample(f.table, &samples, &n);
		alloc_fail_at(0);
		for (int i = 0; i < 4; i++)
			assert_int_equal(unit_table_sample(f.table, &samples, &n), 0);
		assert_int_equal(n, 1);
		assert_string_equal(samples[0].key.uuid, "uuid");
		unit_table_free(f.table);
		f.table = NULL;
		host_root_close(&f.host);
	}
	fixture_open(&f, CGROUP_V2, 0, 100);
}

static void put_folder_of_root(void)
{
	char path[160];

	put_machine(MACHINE("1", "a"));
	put_definition("qemu/a.xml", DEFINITION("uuid"));
	snprintf(path, sizeof(path), "%s/qemu", f.tree.path);
	assert_int_equal(chmod(path, 0700), 0);
	assert_int_equal(fchmod(f.tree.fd, 0755), 0);
	fixture_open(&f, CGROUP_V2, 0, 100);
}

static void a_folder_of_root_is_read_with_a_capability_that_is_permitted(void **state)
{
	if (getuid() != 0)
		skip();
	put_folder_of_root();
	assert_int_equal(seteuid(65534), 0);
	fixture_scrape(&f, 0);
	assert_int_equal(seteuid(0), 0);
	assert_int_equal(fixture_logged(&f, "no definition of the virtual machine"), 0);
}

static void a_folder_that_may_not_be_read_is_told_once_for_each_machine(void **state)
{
	int status = -1;
	pid_t pid;

	if (getuid() != 0)
		skip();
	put_folder_of_root();
	pid = fork();
	if (pid == 0) {
		if (setresuid(65534, 65534, 65534) < 0)
			_exit(1);
		for (int i = 0; i < 9; i++)
			fixture_scrape(&f, 0);
		_exit(0);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_int_equal(status, 0);
	assert_int_equal(fixture_logged(&f, "qemu: Permission denied"), 1);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOST(v2_with_systemd),
		WITH_HOST(v2_without_the_optional_series),
		WITH_HOST(v2_without_systemd),
		WITH_HOST(v2_as_recorded_in_a_guest),
		WITH_HOST(v1_with_systemd),
		WITH_HOST(v1_without_systemd),
		WITH_HOST(one_fault_each),
		WITH_HOST(a_hybrid_host_without_directories_in_cpuacct),
		WITH_HOST(a_definition_that_changes_is_read_anew),
		WITH_HOST(a_file_that_is_written_in_place_is_read_after_a_quarter_of_an_hour),
		WITH_HOST(the_definition_of_the_running_domain_comes_first),
		WITH_HOST(equal_machine_names_are_told_apart_by_the_id),
		WITH_HOST(another_domain_of_that_name_is_not_taken_for_it),
		WITH_HOST(a_machine_that_vanishes_while_it_is_read_is_left_out),
		WITH_HOST(roots_that_come_later_are_found),
		WITH_HOST(virtual_cpus_that_are_added_are_seen),
		WITH_HOST(huge_definitions_are_refused),
		WITH_HOST(definitions_survive_every_failing_allocation),
		WITH_HOST(a_folder_of_root_is_read_with_a_capability_that_is_permitted),
		WITH_HOST(a_folder_that_may_not_be_read_is_told_once_for_each_machine),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
