// SPDX-License-Identifier: Apache-2.0
/* A scratch host with control groups and processes, a table of its units, and its log. */
#ifndef CEEMS_TESTS_UNIT_FIXTURE_H
#define CEEMS_TESTS_UNIT_FIXTURE_H

#include <sys/mman.h>

#include "exporter/managers/slurm_units.h"
#include "exporter/units/unit_metrics.h"
#include "tree.h"

#define V2_SCOPE "cgroup/system.slice/slurmstepd.scope"

struct unit_fixture {
	struct tree tree;
	struct host_root host;
	struct log log;
	struct unit_table *table;
	struct arena arena;
	struct buffer text;
	unsigned sets;
	const char *active_subsystem;
	const struct unit_manager *manager;
	void *manager_ctx;
	struct gpus *gpus;
};

static inline void fixture_init(struct unit_fixture *f)
{
	*f = (struct unit_fixture){ .active_subsystem = "cpuacct", .manager = &slurm_unit_manager };
	tree_make(&f->tree);
	tree_mkdirs(&f->tree, "cgroup/");
	tree_mkdirs(&f->tree, "proc/");
	tree_mkdirs(&f->tree, "sys/");
	f->log = (struct log){ .fd = memfd_create("log", MFD_CLOEXEC),
		.level = LOG_LEVEL_INFO,
		.clock = clock_system() };
	arena_init(&f->arena, 64 << 20);
	buffer_init(&f->text, 0);
}

static inline void fixture_open(
	struct unit_fixture *f, enum cgroup_version version, unsigned sets, size_t open_max)
{
	char proc[128], sys[128], cgroup[128];
	struct unit_table_config config = {
		.manager = f->manager,
		.manager_ctx = f->manager_ctx,
		.gpus = f->gpus,
		.host = &f->host,
		.log = &f->log,
		.version = version,
		.active_subsystem = f->active_subsystem,
		.sets = sets,
		.open_max = open_max,
	};

	snprintf(proc, sizeof(proc), "%s/proc", f->tree.path);
	snprintf(sys, sizeof(sys), "%s/sys", f->tree.path);
	snprintf(cgroup, sizeof(cgroup), "%s/cgroup", f->tree.path);
	assert_int_equal(host_root_open(&f->host, proc, sys, cgroup, NULL), 0);
	f->sets = sets;
	assert_int_equal(unit_table_new(&config, &f->table, NULL), 0);
}

static inline void fixture_done(struct unit_fixture *f)
{
	unit_table_free(f->table);
	host_root_close(&f->host);
	close(f->log.fd);
	arena_done(&f->arena);
	buffer_done(&f->text);
	tree_done(&f->tree);
}

/* A job with the files that every series comes from, and a process. */
static inline void fixture_job_v2(struct unit_fixture *f, const char *scope, const char *name,
	unsigned pid, const char *cpu_stat)
{
	static const char *const files[][2] = {
		{ "cpuset.cpus.effective", "4-7\n" },
		{ "memory.current", "1048576\n" },
		{ "memory.max", "max\n" },
		{ "memory.stat", "anon 524288\nfile 131072\ninactive_file 65536\n" },
		{ "memory.events", "low 0\noom 3\noom_kill 1\n" },
		{ "cgroup.procs", "" },
	};
	char path[512], procs[32];

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		snprintf(path, sizeof(path), "%s/%s/%s", scope, name, files[i][0]);
		tree_put(&f->tree, path, files[i][1]);
	}
	snprintf(path, sizeof(path), "%s/%s/cpu.stat", scope, name);
	tree_put(&f->tree, path, cpu_stat);
	snprintf(path, sizeof(path), "%s/%s/step_0/user/task_0/cgroup.procs", scope, name);
	snprintf(procs, sizeof(procs), "%u\n", pid);
	tree_put(&f->tree, path, procs);
	snprintf(path, sizeof(path), "proc/%u/", pid);
	tree_mkdirs(&f->tree, path);
}

/* The answer of one scrape as text; r < 0: what it returned. */
static inline const char *fixture_scrape(struct unit_fixture *f, int wanted)
{
	const struct collector_env env = {
		.host = &f->host, .clock = clock_system(), .log = &f->log, .hostname = "n1"
	};
	struct scrape s = { .env = &env, .arena = &f->arena, .log = &f->log };
	size_t duplicates;

	arena_reset(&f->arena);
	buffer_clear(&f->text);
	s.out = exposition_new(&f->arena);
	assert_non_null(s.out);
	assert_int_equal(unit_metrics_collect(f->table, f->manager->name, f->sets, &s), wanted);
	assert_int_equal(exposition_write(s.out, EXPOSITION_TEXT, &f->text, &duplicates), 0);
	return buffer_text(&f->text);
}

/* How often the text stands in the log. */
static inline unsigned fixture_logged(const struct unit_fixture *f, const char *text)
{
	static char log[1 << 20];
	ssize_t n = pread(f->log.fd, log, sizeof(log) - 1, 0);
	unsigned count = 0;

	assert_true(n >= 0);
	log[n] = '\0';
	for (const char *p = log; (p = strstr(p, text)) != NULL; p++)
		count++;
	return count;
}

/* A cpu.stat; us is a string. */
#define FIXTURE_CPU(us) "usage_usec " us "\nuser_usec " us "\nsystem_usec 0\n"

/* fixture_init(), on a host of 8 GiB without swap. */
static inline void fixture_init_memory(struct unit_fixture *f)
{
	fixture_init(f);
	tree_put(&f->tree, "proc/meminfo", "MemTotal: 8388608 kB\nSwapTotal: 0 kB\n");
}

/* The same, with jobs 77 (process 880, 1 ms of CPU time) and 78 (881, 2 ms), and open. */
static inline void fixture_two_jobs_v2(struct unit_fixture *f)
{
	fixture_init_memory(f);
	fixture_job_v2(f, V2_SCOPE, "job_77", 880, FIXTURE_CPU("1000"));
	fixture_job_v2(f, V2_SCOPE, "job_78", 881, FIXTURE_CPU("2000"));
	fixture_open(f, CGROUP_V2, 0, 1000);
}

#endif
