// SPDX-License-Identifier: Apache-2.0
#include "api/backup.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "db/db_copy.h"
#include "sample_store.h"
#include "unit_test.h"

static struct sample_store s;
static struct err err;
static char dir[] = "/tmp/ceems-backup-XXXXXX";
static int64_t now_s;
static struct clock clock_;
static const struct log quiet = { .fd = -1 };
static struct backup_config config;

static int64_t now_ns(void *ctx)
{
	return now_s * 1000000000;
}

static int setup(void **state)
{
	sample_store_open(&s);
	sample_store_fill(&s);
	strcpy(dir, "/tmp/ceems-backup-XXXXXX");
	assert_non_null(mkdtemp(dir));
	now_s = SAMPLE_T0_S;
	clock_ = (struct clock){ now_ns, now_ns, NULL };
	config = (struct backup_config){ .data_dir = s.dir,
		.backup_dir = dir,
		.zone = s.zone,
		.clock = &clock_,
		.log = &quiet,
		.cancel_fd = eventfd(0, EFD_CLOEXEC),
		.interval_ms = 1 };
	return 0;
}

static int teardown(void **state)
{
	char command[128];

	close(config.cancel_fd);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	assert_int_equal(system(command), 0);
	sample_store_close(&s);
	return 0;
}

static const char *list(void)
{
	static char text[4096];
	char command[128];
	FILE *p;
	size_t n;

	snprintf(command, sizeof(command), "ls -A %s | tr '\\n' ' '", dir);
	p = popen(command, "r");
	assert_non_null(p);
	n = fread(text, 1, sizeof(text) - 1, p);
	text[n] = '\0';
	pclose(p);
	return text;
}

static void make(const char *expected)
{
	char name[BACKUP_NAME_MAX];

	if (backup_make(&config, name, &err) < 0)
		fail_msg("%s", err.text);
	assert_string_equal(name, expected);
}

static void touch(const char *name)
{
	char path[128];
	int fd;

	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close(fd);
}

static void a_backup_is_a_whole_database_named_in_the_zone(void **state)
{
	char path[128];
	struct store *copy = NULL;
	struct stat st;
	int64_t ms;

	touch(".ceems-backup.part"); /* a server was killed here */
	make("ceems-203104090800.db");
	assert_string_equal(list(), "ceems-203104090800.db ");
	snprintf(path, sizeof(path), "%s/ceems-203104090800.db", dir);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	assert_string_equal(sample_query(path, "PRAGMA integrity_check"), "ok");
	assert_string_equal(sample_query(path, "SELECT count(*) FROM units"),
		sample_query(s.path, "SELECT count(*) FROM units"));
	/* It serves as a database. */
	snprintf(path, sizeof(path), "cp %s/ceems-203104090800.db %s/ceems.db", dir, dir);
	assert_int_equal(system(path), 0);
	assert_int_equal(store_open(dir, s.zone, &copy, &err), 0);
	assert_int_equal(store_watermark(copy, "hpc-a", &ms, &err), 0);
	assert_int_equal(ms, (SAMPLE_T0_S + 3 * SAMPLE_WINDOW_S) * 1000);
	store_close(copy);
}

static void old_backups_are_removed_and_nothing_else(void **state)
{
	touch("ceems-20300101000.db");
	touch("ceems-203001010000.db.old");
	touch("ceems.db");
	for (int i = 0; i < 4; i++) {
		make(i == 0              ? "ceems-203104090800.db"
				: i == 1 ? "ceems-203104090801.db"
				: i == 2 ? "ceems-203104090802.db"
					 : "ceems-203104090803.db");
		now_s += 60;
	}
	config.kept = 2;
	make("ceems-203104090804.db");
	assert_string_equal(list(),
		"ceems-20300101000.db ceems-203001010000.db.old ceems-203104090803.db "
		"ceems-203104090804.db ceems.db ");
}

static void a_backup_that_fails_leaves_nothing_and_removes_nothing(void **state)
{
	char name[BACKUP_NAME_MAX];

	config.kept = 1;
	make("ceems-203104090800.db");
	now_s += 60;
	assert_int_equal(eventfd_write(config.cancel_fd, 1), 0);
	sample_sql(s.path, "CREATE TABLE big (x); INSERT INTO big VALUES (zeroblob(4000000))");
	assert_int_equal(backup_make(&config, name, &err), -ECANCELED);
	assert_string_equal(list(), "ceems-203104090800.db ");
	config.data_dir = "/nonexistent";
	assert_int_equal(backup_make(&config, name, &err), -ENOENT);
	assert_string_equal(list(), "ceems-203104090800.db ");
	config.backup_dir = "/nonexistent";
	assert_int_equal(backup_make(&config, name, &err), -ENOENT);
}

struct writing {
	int window;
	bool paused;
};

/* While the copy pauses, windows are stored. */
static bool store_a_window(void *ctx, int ms)
{
	struct writing *w = ctx;
	struct unit_list units = { 0 };
	struct store_step_result result;
	struct store_step step = { .cluster_id = "hpc-a",
		.start_ms = (SAMPLE_T0_S + w->window * SAMPLE_WINDOW_S) * 1000,
		.end_ms = (SAMPLE_T0_S + (w->window + 1) * SAMPLE_WINDOW_S) * 1000,
		.units = &units };

	sample_unit(&s, &units, "slurm", "101", "mira", "astro", SAMPLE_T0_S, 0);
	assert_int_equal(store_commit_step(s.store, &step, &result, &err), 0);
	w->window++;
	w->paused = true;
	return w->window > 500; /* it would never end */
}

static void windows_are_stored_meanwhile_and_are_not_in_it(void **state)
{
	struct writing w = { .window = 3 };
	struct db_copy_pace pace = { .pages = 1, .sleep = store_a_window, .ctx = &w };
	char path[128];

	snprintf(path, sizeof(path), "%s/copy.db", dir);
	if (db_copy(s.path, path, &pace, &err) < 0)
		fail_msg("%s", err.text);
	assert_true(w.paused);
	assert_string_equal(sample_query(path, "PRAGMA integrity_check"), "ok");
	assert_string_equal(
		sample_query(path,
			"SELECT num_updates FROM units WHERE uuid = '101' AND cluster_id = 'hpc-a'"),
		"3");
	assert_int_equal(db_copy(s.path, path, &pace, &err), -EEXIST);
}

int main(void)
{
#define BACKUP_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		BACKUP_TEST(a_backup_is_a_whole_database_named_in_the_zone),
		BACKUP_TEST(old_backups_are_removed_and_nothing_else),
		BACKUP_TEST(a_backup_that_fails_leaves_nothing_and_removes_nothing),
		BACKUP_TEST(windows_are_stored_meanwhile_and_are_not_in_it),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
