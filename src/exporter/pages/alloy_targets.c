// SPDX-License-Identifier: Apache-2.0
/*
 * Processes are listed under the lock of their table, which the energy ledger needs every second;
 * what they say of themselves is read afterwards.
 */
#include "exporter/pages/alloy_targets.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/str.h"
#include "exporter/follow_roots.h"
#include "exporter/units/process_opt_in.h"
#include "exporter/units/unit_table.h"
#include "format/json_writer.h"

enum { NAMES_MAX_BYTES = 32 << 20, FIRST_TARGETS = 256, READ_BYTES = 16384 };

static const char SELF[] = "__internal_ceems_exporter";

struct target {
	size_t names_at; /* in names: the unit's id, then its uuid, each with a NUL */
	uint64_t pid;
	bool of_slurm;
};

struct seen {
	uint64_t pid;
	bool listed;
};

struct alloy_targets {
	struct alloy_targets_config config;
	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t made;
	bool making, have; /* one thread makes an answer; there is an older one */
	struct buffer answer;
	int64_t answer_ns; /* monotonic: when it was begun */
	/* Of the thread that makes it. */
	struct buffer names, text;
	struct target *targets;
	size_t n, cap;
	struct seen *seen; /* processes of one unit, sorted */
	size_t seen_cap;
	bool cut, cut_logged, failed_logged;
};

capability_set alloy_targets_capabilities(const struct strings *env_vars)
{
	return env_vars->n ? CAPABILITY(CAP_SYS_PTRACE) | CAPABILITY(CAP_DAC_READ_SEARCH) : 0;
}

int alloy_targets_new(const struct alloy_targets_config *config, struct alloy_targets **ret_targets,
	struct err *err)
{
	struct unit_table *const *tables;
	struct alloy_targets *t;

	if (exporter_unit_tables(config->exporter, &tables) == 0)
		return err_set(err, -ENODATA, "no collector of compute units is on");
	t = calloc(1, sizeof(*t));
	if (!t)
		return err_errno(err, -ENOMEM, "targets for Alloy");
	t->config = *config;
	pthread_mutex_init(&t->lock, NULL);
	pthread_cond_init(&t->made, NULL);
	buffer_init(&t->answer, 0);
	buffer_init(&t->names, NAMES_MAX_BYTES);
	buffer_init(&t->text, 0);
	*ret_targets = t;
	return 0;
}

void alloy_targets_free(struct alloy_targets *t)
{
	if (!t)
		return;
	buffer_done(&t->answer);
	buffer_done(&t->names);
	buffer_done(&t->text);
	free(t->targets);
	free(t->seen);
	pthread_cond_destroy(&t->made);
	pthread_mutex_destroy(&t->lock);
	free(t);
}

static int reserve(struct alloy_targets *t)
{
	const size_t cap = MAX(t->cap * 2, (size_t)FIRST_TARGETS);
	struct target *targets;

	if (t->n < t->cap)
		return 0;
	targets = reallocarray(t->targets, cap, sizeof(*targets));
	if (!targets)
		return -ENOMEM;
	t->targets = targets;
	t->cap = cap;
	return 0;
}

static int by_pid(const void *a, const void *b)
{
	const struct seen *x = a, *y = b;

	return (x->pid > y->pid) - (x->pid < y->pid);
}

/* In v1 a process stands in every group that has one of its threads. */
static int sort_pids(struct alloy_targets *t, const uint64_t *pids, size_t n)
{
	if (n > t->seen_cap) {
		struct seen *seen = reallocarray(t->seen, n, sizeof(*seen));

		if (!seen)
			return -ENOMEM;
		t->seen = seen;
		t->seen_cap = n;
	}
	for (size_t i = 0; i < n; i++)
		t->seen[i] = (struct seen){ .pid = pids[i] };
	if (n)
		qsort(t->seen, n, sizeof(*t->seen), by_pid);
	return 0;
}

/* Of equal ones bsearch() finds always the same. */
static bool is_listed(struct alloy_targets *t, uint64_t pid, size_t n)
{
	const struct seen key = { .pid = pid };
	struct seen *seen = bsearch(&key, t->seen, n, sizeof(*t->seen), by_pid);
	const bool listed = !seen || seen->listed;

	if (seen)
		seen->listed = true;
	return listed;
}

static int note_unit(
	void *ctx, const struct unit_key *key, const char *id, const uint64_t *pids, size_t n)
{
	struct alloy_targets *t = ctx;
	const size_t names_at = t->names.len;
	const bool of_slurm = str_eq(key->manager, "slurm");
	int r;

	/* A job is its number, whatever its directory is called. */
	id = of_slurm ? key->uuid : id;
	buffer_append(&t->names, id, strlen(id) + 1);
	buffer_append(&t->names, key->uuid, strlen(key->uuid) + 1);
	r = buffer_error(&t->names);
	if (r >= 0)
		r = sort_pids(t, pids, n);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		if (is_listed(t, pids[i], n))
			continue;
		if (t->n == ALLOY_TARGETS_MAX) {
			t->cut = true;
			return 0;
		}
		r = reserve(t);
		if (r >= 0)
			t->targets[t->n++] = (struct target){ names_at, pids[i], of_slurm };
	}
	return r;
}

/* Of Slurm and Kubernetes the first that is on, as the reference has it, and libvirt besides. */
static int list_processes(struct alloy_targets *t, struct err *err)
{
	static const char *const managers[] = { "slurm", "k8s", "libvirt" };
	struct unit_table *const *tables;
	const size_t n = exporter_unit_tables(t->config.exporter, &tables);
	bool first_listed = false;
	int ret = 0;

	t->n = 0;
	t->cut = false;
	buffer_clear(&t->names);
	for (size_t m = 0; m < ARRAY_SIZE(managers); m++) {
		for (size_t i = 0; i < n; i++) {
			const char *name = unit_table_manager_name(tables[i]);
			int r;

			if (!str_eq(name, managers[m]) || (str_eq(name, "k8s") && first_listed))
				continue;
			first_listed = true;
			r = unit_table_processes(tables[i], note_unit, t);
			if (r < 0)
				ret = err_errno(err, r, "finding the units of %s", name);
		}
	}
	return ret;
}

/* The first bytes of a file of a process. */
static int read_text(const struct alloy_targets *t, uint64_t pid, const char *file, size_t max,
	struct buffer *text)
{
	char path[64];
	CLEANUP(file_closep) int fd = -1;

	snprintf(path, sizeof(path), "%" PRIu64 "/%s", pid, file);
	buffer_clear(text);
	fd = openat(t->config.host->procfs_fd, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		return -errno;
	while (text->len < max) {
		char *to = buffer_reserve(text, READ_BYTES);
		ssize_t n = to ? read(fd, to, MIN((size_t)READ_BYTES, max - text->len)) : 0;

		if (!to)
			return buffer_error(text);
		if (n < 0 && errno != EINTR)
			return -errno;
		if (n == 0)
			break;
		text->len += n > 0 ? (size_t)n : 0;
	}
	return 0;
}

static struct slice text_of(const struct buffer *text)
{
	return (struct slice){ buffer_text(text), text->len };
}

static bool opted_in(struct alloy_targets *t, const struct target *target)
{
	if (read_text(t, target->pid, "cmdline", ALLOY_CMDLINE_MAX_BYTES, &t->text) < 0 ||
		cmdline_is_empty(text_of(&t->text)) ||
		(target->of_slurm && cmdline_is_of_slurm(text_of(&t->text))))
		return false;
	return read_text(t, target->pid, "environ", ALLOY_ENVIRON_MAX_BYTES, &t->text) >= 0 &&
		environ_begins_with(text_of(&t->text), &t->config.env_vars);
}

static void filter(struct alloy_targets *t)
{
	const capability_set raised = privilege_raise(
		alloy_targets_capabilities(&t->config.env_vars));
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++)
		if (opted_in(t, &t->targets[i]))
			t->targets[kept++] = t->targets[i];
	privilege_lower(raised);
	t->n = kept;
}

static void write_target(struct json_writer *w, const char *id, const char *uuid, uint64_t pid)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, pid);
	json_writer_open_object(w);
	json_writer_key(w, "targets");
	json_writer_open_array(w);
	json_writer_string(w, id);
	json_writer_close_array(w);
	json_writer_key(w, "labels");
	json_writer_open_object(w);
	json_writer_key(w, "__process_pid__");
	json_writer_string(w, number);
	json_writer_key(w, "service_name");
	json_writer_string(w, uuid);
	json_writer_close_object(w);
	json_writer_close_object(w);
}

static void write_all(const struct alloy_targets *t, struct buffer *out)
{
	struct json_writer w = json_writer(out);

	json_writer_open_array(&w);
	for (size_t i = 0; i < t->n; i++) {
		const char *id = t->names.data + t->targets[i].names_at;

		write_target(&w, id, id + strlen(id) + 1, t->targets[i].pid);
	}
	if (t->config.self)
		write_target(&w, SELF, SELF, (uint64_t)getpid());
	json_writer_close_array(&w);
	buffer_putc(out, '\n');
}

/* Once for each change. */
static void log_trouble(struct alloy_targets *t, int r, const struct err *err)
{
	if (r < 0 && !t->failed_logged)
		log_error(t->config.log, "finding targets for Alloy failed", LOG_ERR(err));
	t->failed_logged = r < 0;
	if (t->cut && !t->cut_logged)
		log_warn(t->config.log, "too many targets for Alloy, the others are left out",
			LOG_INT("limit", ALLOY_TARGETS_MAX));
	t->cut_logged = t->cut;
}

/* Without the lock; one thread at a time. */
static int make(struct alloy_targets *t, struct buffer *out, struct err *err)
{
	int r;

	follow_roots(t->config.host, t->config.log);
	r = list_processes(t, err);

	log_trouble(t, r, err);
	if (t->config.env_vars.n)
		filter(t);
	if (r < 0 && t->n == 0)
		return r;
	write_all(t, out);
	r = buffer_error(out);
	return r < 0 ? err_errno(err, r, "writing the targets") : 0;
}

/* Whether there is an answer to be had without making one. */
static bool can_be_given_locked(const struct alloy_targets *t)
{
	return t->have &&
		(t->making || clock_monotonic_ns(t->config.clock) - t->answer_ns < ALLOY_FRESH_NS);
}

static int renew_locked(struct alloy_targets *t, struct err *err)
{
	const int64_t begun_ns = clock_monotonic_ns(t->config.clock);
	struct buffer fresh;
	int r;

	t->making = true;
	pthread_mutex_unlock(&t->lock);
	buffer_init(&fresh, 0);
	r = make(t, &fresh, err);
	pthread_mutex_lock(&t->lock);
	t->making = false;
	t->have = r >= 0;
	if (r >= 0) {
		const struct buffer old = t->answer;

		t->answer = fresh;
		t->answer_ns = begun_ns;
		fresh = old;
	}
	pthread_cond_broadcast(&t->made);
	buffer_done(&fresh);
	return r;
}

int alloy_targets_write(struct alloy_targets *t, struct buffer *body, struct err *err)
{
	int r = 0;

	pthread_mutex_lock(&t->lock);
	while (t->making && !t->have)
		pthread_cond_wait(&t->made, &t->lock);
	if (!can_be_given_locked(t))
		r = renew_locked(t, err);
	if (r >= 0)
		buffer_append(body, buffer_text(&t->answer), t->answer.len);
	pthread_mutex_unlock(&t->lock);
	return r;
}
