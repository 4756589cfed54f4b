// SPDX-License-Identifier: Apache-2.0
/* The GPUs of a scratch host whose tools are scripts, and the units that hold them. */
#include "exporter/gpu/gpus.h"

#include <errno.h>
#include <math.h>
#include <poll.h>
#include <sys/mman.h>

#include "alloc_fail.h"
#include "exporter/units/unit_metrics.h"
#include "tree.h"

struct fixture {
	struct tree tree;
	struct host_root host;
	struct log log;
	struct gpus_config config;
	struct gpus *gpus;
	struct arena arena;
	struct buffer text;
	char nvidia_smi[128], amd_smi[128], rocm_smi[128];
};

static void put_pci(struct fixture *f, const char *address, const char *vendor)
{
	char path[128];

	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/class", address);
	tree_put(&f->tree, path, "0x030200\n");
	snprintf(path, sizeof(path), "sys/bus/pci/devices/%s/vendor", address);
	tree_put(&f->tree, path, vendor);
}

static void put_tool(struct fixture *f, const char *name, const char *body)
{
	char path[64], script[4096];

	snprintf(path, sizeof(path), "bin/%s", name);
	snprintf(script, sizeof(script), "#!/bin/sh\nF=%s/tests/fixtures/gpu\n%s\n",
		getenv("CEEMS_SOURCE"), body);
	tree_put(&f->tree, path, script);
	assert_int_equal(fchmodat(f->tree.fd, path, 0755, 0), 0);
}

static const char nvidia_body[] = "case \"$*\" in\n"
				  "'--query --xml-format') cat $F/nvidia.xml;;\n"
				  "-L) cat $F/nvidia-L.txt;;\n"
				  "'vgpu --query') cat $F/nvidia-vgpu.txt;;\n"
				  "--query-gpu=*) cat \"${0%/*}/readings\"; exec sleep 600;;\n"
				  "esac";

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	char proc[128], sys[128], cgroup[128];

	tree_make(&f->tree);
	tree_mkdirs(&f->tree, "proc/");
	tree_mkdirs(&f->tree, "sys/bus/pci/devices/");
	tree_mkdirs(&f->tree, "cgroup/");
	tree_mkdirs(&f->tree, "bin/");
	snprintf(proc, sizeof(proc), "%s/proc", f->tree.path);
	snprintf(sys, sizeof(sys), "%s/sys", f->tree.path);
	snprintf(cgroup, sizeof(cgroup), "%s/cgroup", f->tree.path);
	assert_int_equal(host_root_open(&f->host, proc, sys, cgroup, NULL), 0);
	snprintf(f->nvidia_smi, sizeof(f->nvidia_smi), "%s/bin/nvidia-smi", f->tree.path);
	snprintf(f->amd_smi, sizeof(f->amd_smi), "%s/bin/amd-smi", f->tree.path);
	snprintf(f->rocm_smi, sizeof(f->rocm_smi), "%s/bin/rocm-smi", f->tree.path);
	f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_LEVEL_INFO,
		.clock = clock_system() };
	f->config = (struct gpus_config){
		.host = &f->host,
		.clock = clock_system(),
		.log = &f->log,
		.hostname = "n1",
		.nvidia_smi_path = f->nvidia_smi,
		.amd_smi_path = f->amd_smi,
		.rocm_smi_path = f->rocm_smi,
	};
	arena_init(&f->arena, 16 << 20);
	buffer_init(&f->text, 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	gpus_close(f->gpus);
	host_root_close(&f->host);
	close(f->log.fd);
	arena_done(&f->arena);
	buffer_done(&f->text);
	tree_done(&f->tree);
	free(f);
	return 0;
}

static void open_nvidia(struct fixture *f)
{
	put_pci(f, "0000:10:00.0", "0x10de\n");
	put_tool(f, "nvidia-smi", nvidia_body);
	assert_int_equal(gpus_open(&f->config, &f->gpus, NULL), 0);
	assert_true(gpus_any(f->gpus));
}

static const char *collect(struct fixture *f, const char *manager)
{
	const struct collector_env env = {
		.host = &f->host, .clock = clock_system(), .log = &f->log, .hostname = "n1"
	};
	struct scrape s = { .env = &env, .arena = &f->arena, .log = &f->log };
	size_t duplicates;

	arena_reset(&f->arena);
	buffer_clear(&f->text);
	s.out = exposition_new(&f->arena);
	assert_int_equal(gpus_collect(f->gpus, manager, &s), 0);
	assert_int_equal(exposition_write(s.out, EXPOSITION_TEXT, &f->text, &duplicates), 0);
	assert_int_equal(duplicates, 0);
	return buffer_text(&f->text);
}

/* The flags alone, as "uuid index value" lines in the order of the answer. */
static void flags_are(struct fixture *f, const char *manager, const char *wanted)
{
	CLEANUP(buffer_done) struct buffer got = { 0 };
	struct slice rest = slice_from(collect(f, manager)), line;

	while (slice_next_line(&rest, &line)) {
		char text[1024], index[64], uuid[64], value[64];
		const char *at;

		snprintf(text, sizeof(text), "%.*s", (int)line.n, line.p);
		if (!str_starts(text, "ceems_compute_unit_gpu_index_flag{"))
			continue;
		at = strstr(text, ",index=\"");
		assert_non_null(at);
		assert_int_equal(sscanf(at, ",index=\"%63[^\"]", index), 1);
		at = strstr(text, ",uuid=\"");
		assert_int_equal(sscanf(at, ",uuid=\"%63[^\"]\"} %63s", uuid, value), 2);
		buffer_printf(&got, "%s %s %s\n", uuid, index, value);
	}
	assert_string_equal(buffer_text(&got), wanted);
}

static struct gpu_request request(const char *uuid, const struct gpu_ref *refs, size_t n)
{
	return (struct gpu_request){ { "k8s", "", uuid }, refs, n, 0 };
}

static void replicas_of_a_shared_device_are_its_shares(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref three = { GPU_REF_PLUGIN,
		"gpu-BBBBBBBB-0000-0000-0000-000000000001::2", 3 },
			     one = { GPU_REF_PLUGIN, "GPU-bbbbbbbb-0000-0000-0000-000000000001",
				     1 },
			     mig = { GPU_REF_PLUGIN, "MIG-22222222-0000-0000-0000-000000000000",
				     1 },
			     none = { GPU_REF_PLUGIN, "::1", 1 };
	struct gpu_request requests[] = { request("p1", &three, 1), request("p2", &one, 1),
		request("p3", &mig, 1), request("p4", &none, 1) };

	open_nvidia(f);
	assert_int_equal(gpus_bind(f->gpus, "k8s", requests, 4), 0);
	flags_are(f, "k8s", "p1 2 0.75\np2 2 0.25\np3 1 1\n");
	assert_string_equal(collect(f, "slurm"), "");
	assert_int_equal(gpus_bind(f->gpus, "k8s", requests, 1), 0);
	flags_are(f, "k8s", "p1 2 1\n");
	assert_int_equal(gpus_bind(f->gpus, "k8s", NULL, 0), 0);
	assert_string_equal(collect(f, "k8s"), "");
}

static void a_beginning_of_a_uuid_has_to_be_unique(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref refs[] = { { GPU_REF_UUID, "GPU-", 1 }, { GPU_REF_UUID, "GPU-c", 1 },
		{ GPU_REF_UUID, "MIG-1", 1 },
		{ GPU_REF_UUID, "MIG-22222222-0000-0000-0000-000000000000", 1 },
		{ GPU_REF_UUID, "GPU-cccccccc-0000-0000-0000-000000000002-more", 1 } };
	struct gpu_request q = request("u", refs, ARRAY_SIZE(refs));

	open_nvidia(f);
	assert_int_equal(gpus_bind(f->gpus, "k8s", &q, 1), 0);
	flags_are(f, "k8s", "u 3 1\nu 0 1\nu 1 1\n");
}

static void who_has_a_gpu_that_is_cut_has_its_parts_and_no_others(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref ref = { GPU_REF_PCI, "0:10:0.0", 1 };
	struct gpu_request q = request("vm", &ref, 1);

	open_nvidia(f);
	assert_int_equal(gpus_bind(f->gpus, "libvirt", &q, 1), 0);
	flags_are(f, "libvirt", "vm 0 1\nvm 1 1\n");
}

static void jobs_of_equal_size_are_served_by_number(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref ref = { GPU_REF_INDEX, "2", 1 };
	struct gpu_request requests[] = { { { "slurm", "", "100" }, &ref, 1, 6 },
		{ { "slurm", "", "20" }, &ref, 1, 6 }, { { "slurm", "", "3" }, &ref, 1, 1 } };
	char path[128];

	open_nvidia(f);
	tree_put(&f->tree, "gres.conf", "Name=shard Count=8 File=/dev/nvidia0\n");
	snprintf(path, sizeof(path), "%s/gres.conf", f->tree.path);
	assert_int_equal(gpus_set_slurm(f->gpus, "", path), 0);
	assert_int_equal(gpus_bind(f->gpus, "slurm", requests, 3), 0);
	flags_are(f, "slurm", "100 2 0.125\n20 2 0.75\n3 2 0.125\n");
}

/* 8 for each of four: job 1 has 8 of both of its devices, not 16 of the first and none of the
 * other. */
static void count_of_all_devices_is_split_as_slurm_does(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref both[] = { { GPU_REF_INDEX, "2", 1 }, { GPU_REF_INDEX, "3", 1 } };
	const struct gpu_ref first = { GPU_REF_INDEX, "0", 1 };
	struct gpu_request requests[] = { { { "slurm", "", "1" }, both, 2, 12 },
		{ { "slurm", "", "2" }, &both[1], 1, 4 }, { { "slurm", "", "3" }, &first, 1, 30 },
		{ { "slurm", "", "4" }, &first, 1, 1 } };
	char path[128];

	open_nvidia(f);
	tree_put(&f->tree, "gres.conf", "Name=shard Count=32\n");
	snprintf(path, sizeof(path), "%s/gres.conf", f->tree.path);
	assert_int_equal(gpus_set_slurm(f->gpus, "", path), 0);
	assert_int_equal(gpus_bind(f->gpus, "slurm", requests, 4), 0);
	flags_are(f, "slurm",
		"1 2 1\n1 3 0.5\n2 3 0.5\n3 0 0.967741935483871\n4 0 0.03225806451612903\n");
}

static void nothing_of_it_leaks_when_memory_ends(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref ref = { GPU_REF_INDEX, "0", 1 };
	struct gpu_request q = { { "slurm", "", "1" }, &ref, 1, 0 };
	int r;

	open_nvidia(f);
	for (unsigned i = 1; i < 100; i++) {
		alloc_fail_at(i);
		r = gpus_bind(f->gpus, "slurm", &q, 1);
		alloc_fail_at(0);
		if (r >= 0)
			break;
		assert_int_equal(r, -ENOMEM);
		assert_string_equal(collect(f, "slurm"), "");
	}
	assert_int_equal(r, 0);
	flags_are(f, "slurm", "1 0 1\n");
}

static void wait_for(struct fixture *f, bool (*is_so)(struct fixture *f))
{
	for (int i = 0; i < 1000 && !is_so(f); i++)
		(void)poll(NULL, 0, 20);
	assert_true(is_so(f));
}

static bool has_two_samples(struct fixture *f)
{
	const struct gpu_sample *samples;
	size_t n;

	return gpus_sample(f->gpus, &samples, &n) >= 0 && n == 2;
}

static void a_running_tool_tells_power_and_parts_go_by_slices(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref first = { GPU_REF_INDEX, "0", 1 },
			     both[] = { { GPU_REF_INDEX, "1", 1 }, { GPU_REF_INDEX, "2", 1 } };
	struct gpu_request requests[] = { { { "slurm", "", "1" }, &first, 1, 0 },
		{ { "slurm", "h", "2" }, both, 2, 0 }, { { "slurm", "", "3" }, both + 1, 1, 0 } };
	const struct gpu_sample *samples;
	size_t n;

	tree_put(&f->tree, "bin/readings",
		"garbage\nGPU-unknown, 5, 5\n"
		"GPU-aaaaaaaa-0000-0000-0000-000000000000, 100.5, [N/A]\n"
		"GPU-bbbbbbbb-0000-0000-0000-000000000001, 250, 40\n"
		"GPU-cccccccc-0000-0000-0000-000000000002, [N/A], 0\n");
	open_nvidia(f);
	assert_int_equal(gpus_sample(f->gpus, &samples, &n), -ENODATA);
	assert_int_equal(gpus_bind(f->gpus, "slurm", requests, 3), 0);
	assert_int_equal(gpus_start(f->gpus, NULL), 0);
	assert_int_equal(gpus_start_readings(f->gpus, NULL), 0);
	wait_for(f, has_two_samples);
	assert_int_equal(gpus_sample(f->gpus, &samples, &n), 0);
	assert_int_equal(n, 2);
	assert_string_equal(samples[0].uuid, "GPU-aaaaaaaa-0000-0000-0000-000000000000");
	assert_true(samples[0].reading.power_known && !samples[0].use_known);
	assert_int_equal(samples[0].reading.power_uw, 100500000);
	assert_int_equal(samples[0].n_holders, 2);
	assert_string_equal(samples[0].holders[0].key.uuid, "1");
	assert_int_equal(samples[0].holders[0].part_ppm, 42000000 / 108);
	assert_string_equal(samples[0].holders[1].key.cgrouphostname, "h");
	assert_int_equal(samples[0].holders[1].part_ppm, 1000000 / 108);
	assert_int_equal(samples[1].reading.power_uw, 250000000);
	assert_int_equal(samples[1].use_ppm, 400000);
	/* Both have the whole device: half for each. */
	assert_int_equal(samples[1].n_holders, 2);
	assert_int_equal(samples[1].holders[0].part_ppm, 500000);
	assert_int_equal(samples[1].holders[1].part_ppm, 500000);
	gpus_stop(f->gpus);
}

static bool has_one_sample(struct fixture *f)
{
	const struct gpu_sample *samples;
	size_t n;

	return gpus_sample(f->gpus, &samples, &n) >= 0 && n == 1;
}

static void a_tool_that_does_not_go_on_lists_the_power(void **state)
{
	struct fixture *f = *state;
	const struct gpu_sample *samples;
	size_t n;

	put_pci(f, "0000:10:00.0", "0x10de\n");
	put_tool(f, "nvidia-smi",
		"case \"$*\" in '--query --xml-format') cat $F/nvidia.xml;; "
		"--query-gpu=*) exit 2;; esac");
	assert_int_equal(gpus_open(&f->config, &f->gpus, NULL), 0);
	assert_int_equal(gpus_start_readings(f->gpus, NULL), 0);
	wait_for(f, has_one_sample);
	assert_int_equal(gpus_sample(f->gpus, &samples, &n), 0);
	assert_int_equal(samples[0].reading.power_uw, 61250000);
	gpus_stop(f->gpus);
}

static void the_driver_of_amd_tells_power_and_use(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref refs[] = { { GPU_REF_INDEX, "1", 1 }, { GPU_REF_INDEX, "2", 1 } };
	struct gpu_request q = { { "slurm", "", "9" }, refs, 2, 0 };
	const struct gpu_sample *samples;
	size_t n;

	put_pci(f, "0000:c0:00.0", "0x1002\n");
	put_pci(f, "0000:d0:00.0", "0x1002\n");
	put_tool(f, "amd-smi", "cat $F/amd-new.json");
	tree_put(&f->tree, "sys/bus/pci/devices/0000:c0:00.0/hwmon/hwmon3/power1_input",
		"123000000\n");
	tree_put(&f->tree, "sys/bus/pci/devices/0000:c0:00.0/gpu_busy_percent", "73\n");
	tree_put(&f->tree, "sys/bus/pci/devices/0000:d0:00.0/hwmon/hwmon4/power1_average",
		"not a number\n");
	assert_int_equal(gpus_open(&f->config, &f->gpus, NULL), 0);
	assert_int_equal(gpus_bind(f->gpus, "slurm", &q, 1), 0);
	assert_int_equal(gpus_sample(f->gpus, &samples, &n), 0);
	assert_int_equal(n, 1);
	assert_string_equal(samples[0].uuid, "SER-A");
	assert_int_equal(samples[0].reading.power_uw, 123000000);
	assert_true(samples[0].reading.power_known && !samples[0].reading.energy_known);
	assert_int_equal(samples[0].use_ppm, 730000);
	/* Nothing tells their size: they are alike. */
	assert_int_equal(samples[0].n_holders, 1);
	assert_int_equal(samples[0].holders[0].part_ppm, 2 * (1000000 / 3));
	tree_put(&f->tree, "sys/bus/pci/devices/0000:c0:00.0/hwmon/hwmon3/energy1_input", "77\n");
	assert_int_equal(gpus_sample(f->gpus, &samples, &n), 0);
	assert_true(samples[0].reading.energy_known);
	assert_int_equal(samples[0].reading.energy_uj, 77);
}

static void a_tool_that_hangs_holds_nobody_up(void **state)
{
	struct fixture *f = *state;

	put_pci(f, "0000:10:00.0", "0x10de\n");
	put_tool(f, "nvidia-smi", "exec sleep 600");
	f->config.start_wait_ms = 50;
	assert_int_equal(gpus_open(&f->config, &f->gpus, NULL), 0);
	assert_false(gpus_any(f->gpus));
	assert_int_equal(gpus_start(f->gpus, NULL), 0);
	gpus_stop(f->gpus);
}

static bool has_generation_two(struct fixture *f)
{
	return gpus_generation(f->gpus) == 2;
}

static void what_units_hold_follows_a_new_list(void **state)
{
	struct fixture *f = *state;
	const struct gpu_ref ref = { GPU_REF_PLUGIN, "0000:c0:00.0", 1 },
			     xml = { GPU_REF_PLUGIN, "GPU-cccccccc-0000-0000-0000-000000000002",
				     1 };
	struct gpu_request requests[] = { request("p", &ref, 1), request("q", &xml, 1) };

	assert_int_equal(gpus_open(&f->config, &f->gpus, NULL), 0);
	assert_int_equal(gpus_generation(f->gpus), 1);
	assert_int_equal(gpus_bind(f->gpus, "k8s", requests, 2), 0);
	flags_are(f, "k8s", "");
	put_tool(f, "nvidia-smi", nvidia_body);
	put_pci(f, "0000:10:00.0", "0x10de\n");
	assert_int_equal(gpus_start(f->gpus, NULL), 0);
	wait_for(f, has_generation_two);
	flags_are(f, "k8s", "q 3 1\n");
	gpus_stop(f->gpus);
}

#define WITH_HOST(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_HOST(replicas_of_a_shared_device_are_its_shares),
		WITH_HOST(a_beginning_of_a_uuid_has_to_be_unique),
		WITH_HOST(who_has_a_gpu_that_is_cut_has_its_parts_and_no_others),
		WITH_HOST(jobs_of_equal_size_are_served_by_number),
		WITH_HOST(count_of_all_devices_is_split_as_slurm_does),
		WITH_HOST(nothing_of_it_leaks_when_memory_ends),
		WITH_HOST(a_running_tool_tells_power_and_parts_go_by_slices),
		WITH_HOST(a_tool_that_does_not_go_on_lists_the_power),
		WITH_HOST(the_driver_of_amd_tells_power_and_use),
		WITH_HOST(a_tool_that_hangs_holds_nobody_up),
		WITH_HOST(what_units_hold_follows_a_new_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
