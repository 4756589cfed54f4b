// SPDX-License-Identifier: Apache-2.0
#include "api/backup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "api/ticker.h"
#include "basic/file.h"
#include "db/db_copy.h"

enum {
	PAGES = 256, /* about a megabyte */
	PAUSE_MS = 5,
	BACKUPS_MAX = 100000, /* that are looked at */
};

/* Ours while it is written. */
static const char part_name[] = ".ceems-backup.part";

struct backup {
	struct backup_config config;
	pthread_t thread;
	int said; /* the failure that was told last; 0: the last one was made */
};

/* ceems-YYYYMMDDhhmm.db */
static bool is_backup(const char *name)
{
	static const char pattern[] = "ceems-000000000000.db";

	for (size_t i = 0; i < sizeof(pattern); i++) {
		bool digit = name[i] >= '0' && name[i] <= '9';

		if (pattern[i] == '0' ? !digit : name[i] != pattern[i])
			return false;
	}
	return true;
}

static void make_name(const struct backup_config *config, char name[static BACKUP_NAME_MAX])
{
	char ldt[TIME_TEXT_MAX], digits[TIME_TEXT_MAX] = "";
	size_t n = 0;

	time_format_ldt(config->zone, clock_realtime_ns(config->clock) / 1000000, ldt);
	for (const char *p = ldt; *p; p++) {
		if (*p >= '0' && *p <= '9')
			digits[n++] = *p;
	}
	snprintf(name, BACKUP_NAME_MAX, "ceems-%.12s.db", digits);
}

static bool copy_sleep(void *ctx, int ms)
{
	return ticker_sleep(*(const int *)ctx, ms);
}

static int compare_names(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Names of the backups in the directory, sorted; the caller frees them. */
static int list_backups(int dirfd, char ***ret_names, size_t *ret_n)
{
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;
	char **names = NULL;
	size_t n = 0, cap = 0;
	int r = dir ? 0 : -errno;

	while (dir && r >= 0 && n < BACKUPS_MAX && (entry = readdir(dir))) {
		if (!is_backup(entry->d_name))
			continue;
		if (n == cap) {
			char **more = realloc(names, (cap ? cap * 2 : 64) * sizeof(char *));

			if (!more) {
				r = -ENOMEM;
				break;
			}
			names = more;
			cap = cap ? cap * 2 : 64;
		}
		names[n] = strdup(entry->d_name);
		if (!names[n])
			r = -ENOMEM;
		else
			n++;
	}
	if (dir)
		closedir(dir);
	else if (fd >= 0)
		close(fd);
	qsort(names, n, sizeof(char *), compare_names);
	*ret_names = names;
	*ret_n = n;
	return r;
}

/* The names tell the age, whatever happened to the files' times. */
static int prune(int dirfd, const struct backup_config *config)
{
	char **names = NULL;
	size_t n = 0;
	int r;

	r = list_backups(dirfd, &names, &n);
	for (size_t i = 0; r >= 0 && (int64_t)(n - i) > config->kept; i++) {
		if (unlinkat(dirfd, names[i], 0) < 0 && errno != ENOENT)
			r = -errno;
	}
	for (size_t i = 0; i < n; i++)
		free(names[i]);
	free(names);
	return r;
}

static int publish(int dirfd, const char *name)
{
	if (renameat(dirfd, part_name, dirfd, name) < 0)
		return -errno;
	return fsync(dirfd) < 0 ? -errno : 0;
}

int backup_make(
	const struct backup_config *config, char ret_name[static BACKUP_NAME_MAX], struct err *err)
{
	struct db_copy_pace pace = { .pages = PAGES,
		.pause_ms = PAUSE_MS,
		.sleep = copy_sleep,
		.ctx = (void *)&config->cancel_fd };
	CLEANUP(file_closep) int dirfd = -1;
	char from[PATH_MAX], to[PATH_MAX], name[BACKUP_NAME_MAX];
	int n, r;

	n = snprintf(to, sizeof(to), "%s/%s", config->backup_dir, part_name);
	r = n < (int)sizeof(to) ? snprintf(from, sizeof(from), "%s/ceems.db", config->data_dir) : n;
	if (r >= (int)sizeof(from))
		return err_errno(err, -ENAMETOOLONG, "backup in '%s'", config->backup_dir);
	dirfd = open(config->backup_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dirfd < 0)
		return err_errno(err, -errno, "backup in '%s'", config->backup_dir);
	/* What a killed server left. */
	(void)unlinkat(dirfd, part_name, 0);
	make_name(config, name);
	r = db_copy(from, to, &pace, err);
	if (r < 0)
		return r;
	r = publish(dirfd, name);
	if (r < 0)
		return err_errno(err, r, "backup '%s/%s'", config->backup_dir, name);
	if (config->kept > 0 && !(config->damaged && atomic_load(config->damaged))) {
		r = prune(dirfd, config);
		if (r < 0)
			log_error(config->log, "old backups can't be removed",
				LOG_STR("directory", config->backup_dir),
				LOG_STR("error", err_name(r)));
	}
	memcpy(ret_name, name, sizeof(name));
	return 0;
}

/* When to make the next one. A failure is said once, until its cause changes. */
static int64_t make_one(struct backup *b)
{
	const struct backup_config *config = &b->config;
	char name[BACKUP_NAME_MAX];
	struct err err;
	int r;

	r = backup_make(config, name, &err);
	if (r >= 0) {
		log_info(config->log, b->said ? "backup made; backups work again" : "backup made",
			LOG_STR("directory", config->backup_dir), LOG_STR("file", name));
		b->said = 0;
		return config->interval_ms;
	}
	if (r != -ECANCELED && r != b->said) {
		log_error(config->log, "no backup was made; it is tried again", LOG_ERR(&err));
		b->said = r;
	} else if (r != -ECANCELED) {
		log_debug(config->log, "still no backup", LOG_ERR(&err));
	}
	return MIN(config->interval_ms, (int64_t)BACKUP_RETRY_MS);
}

static void *run(void *ctx)
{
	struct backup *b = ctx;
	int64_t wait_ms = b->config.interval_ms;

	while (!ticker_sleep(b->config.cancel_fd, wait_ms))
		wait_ms = make_one(b);
	return NULL;
}

int backup_start(const struct backup_config *config, struct backup **ret_backup, struct err *err)
{
	struct backup *b = calloc(1, sizeof(*b));
	int r;

	if (!b)
		return err_errno(err, -ENOMEM, "backups");
	b->config = *config;
	r = pthread_create(&b->thread, NULL, run, b);
	if (r) {
		free(b);
		return err_errno(err, -r, "thread 'backup'");
	}
	pthread_setname_np(b->thread, "backup");
	*ret_backup = b;
	return 0;
}

void backup_stop(struct backup *backup)
{
	if (!backup)
		return;
	pthread_join(backup->thread, NULL);
	free(backup);
}
