// SPDX-License-Identifier: Apache-2.0
#include "sampler_node.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"

struct node t;

/* The table that the sampler is given. */
int unit_table_sample(
	struct unit_table *table, const struct unit_sample **ret_samples, size_t *ret_n)
{
	*ret_samples = t.units;
	*ret_n = t.n_units;
	return t.units_error;
}

int unit_table_roots_cpu_usage(struct unit_table *table, uint64_t *ret_us)
{
	*ret_us = t.roots_us;
	return 0;
}

int unit_table_watch(struct unit_table *table)
{
	return t.watch_fd ? t.watch_fd : -ENOSYS;
}

unsigned unit_table_take_events(struct unit_table *table)
{
	t.events_taken++;
	return UNIT_WATCH_CAME | UNIT_WATCH_WENT;
}

int64_t mono_now(void)
{
	return t.mono_ns += t.step_ns;
}

static int64_t mono(void *ctx)
{
	return mono_now();
}

static int64_t real(void *ctx)
{
	return t.real_ns;
}

static int64_t asleep(void)
{
	return t.asleep_ns;
}

static const struct clock fake_clock = { real, mono, NULL };

void put(const char *name, const char *text)
{
	char path[256], *slash;
	int fd;

	snprintf(path, sizeof(path), "%s/%s", t.path, name);
	slash = strrchr(path, '/');
	*slash = '\0';
	assert_int_equal(file_mkdirs(path, 0755, NULL), 0);
	*slash = '/';
	fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	/* Not O_TRUNC: ext4 then writes to the disk on close. */
	assert_int_equal(ftruncate(fd, (off_t)strlen(text)), 0);
	close(fd);
}

void put_energy(const char *entry, uint64_t uj)
{
	char name[128], text[32];

	snprintf(name, sizeof(name), "sys/class/powercap/%s/energy_uj", entry);
	snprintf(text, sizeof(text), "%llu\n", (unsigned long long)uj);
	put(name, text);
}

void zone(const char *entry, const char *zone_name, uint64_t uj)
{
	char name[128];

	snprintf(name, sizeof(name), "sys/class/powercap/%s/name", entry);
	put(name, zone_name);
	snprintf(name, sizeof(name), "sys/class/powercap/%s/max_energy_range_uj", entry);
	put(name, "262143328850\n");
	put_energy(entry, uj);
}

void put_stat(void)
{
	char text[128];

	snprintf(text, sizeof(text),
		"cpu  %llu 0 0 1000000 0 0 0 0 0 0\ncpu0 0 0 0 0\ncpu1 0 0 0 0\n",
		(unsigned long long)t.busy_ticks);
	put("proc/stat", text);
}

static void remove_tree(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s", t.path);
	assert_int_equal(system(command), 0);
}

int node_setup(void **state)
{
	char proc[80], sys[80];

	memset(&t, 0, sizeof(t));
	strcpy(t.path, "/tmp/ceems-sampler.XXXXXX");
	assert_non_null(mkdtemp(t.path));
	t.mono_ns = 1000 * S_NS;
	t.real_ns = 1700000000 * S_NS;
	put_stat();
	put("proc/meminfo", "MemTotal: 1000 kB\nMemFree: 600 kB\nMemAvailable: 600 kB\n");
	put("sys/x", "");
	snprintf(proc, sizeof(proc), "%s/proc", t.path);
	snprintf(sys, sizeof(sys), "%s/sys", t.path);
	assert_int_equal(host_root_open(&t.host, proc, sys, proc, NULL), 0);
	return 0;
}

int node_teardown(void **state)
{
	sampler_close(t.sampler);
	host_root_close(&t.host);
	remove_tree();
	return 0;
}

void report(void)
{
	sampler_lock(t.sampler, &t.report);
	sampler_unlock(t.sampler);
}

void tick(double after_s)
{
	t.mono_ns += (int64_t)(after_s * 1e9);
	t.real_ns += (int64_t)(after_s * 1e9);
	put_stat();
	sampler_tick(t.sampler);
	report();
}

void node_start(const struct sampler_config *extra)
{
	static struct unit_table *const table = (struct unit_table *)&t;
	struct sampler_config c = extra ? *extra : (struct sampler_config){ .interval_ns = 0 };

	c.host = &t.host;
	c.clock = &fake_clock;
	c.asleep_ns = asleep;
	c.ledger = (struct ledger_config){ .keep_ended_ns = 60 * S_NS, .max_units = 100 };
	c.interval_ns = S_NS;
	c.max_gap_ns = 60 * S_NS;
	c.max_node_watts = 50000;
	assert_int_equal(sampler_open(&c, &t.sampler, NULL), 0);
	assert_int_equal(sampler_use(t.sampler,
				 &(struct sampler_inputs){ .tables = &table,
					 .n_tables = 1,
					 .meters = t.meters,
					 .n_meters = t.n_meters,
					 .gpu_sample = t.gpu_sample }),
		0);
	tick(0);
}
