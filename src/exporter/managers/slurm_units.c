// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/slurm_units.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/capability.h>
#include <stdio.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "exporter/managers/slurm_devices.h"
#include "host/privilege.h"

enum {
	JOB_DIGITS_MAX = 20,
	STATUS_MAX_BYTES = 16 * 1024,
	CMDLINE_MAX_BYTES = 4096,
	SLUID_TRIES_MAX = 8,
	ENVIRON_MAX_BYTES = 8 << 20, /* execve(2) takes three quarters of that at most */
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_job_number(struct slice s)
{
	if (!s.n || s.n > JOB_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (!is_digit(s.p[i]))
			return false;
	}
	return true;
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

bool slurm_is_sluid(struct slice name)
{
	static const char alphabet[] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

	if (name.n != 14 || name.p[0] != 's')
		return false;
	for (size_t i = 1; i < name.n; i++) {
		if (!name.p[i] || !strchr(alphabet, name.p[i]))
			return false;
	}
	return true;
}

static bool is_root(enum cgroup_version version, const char *path)
{
	return strstr(path, version == CGROUP_V2 ? "slurmstepd.scope" : "slurm") != NULL;
}

static void set_name(char ret_name[UNIT_NAME_MAX], struct slice name)
{
	size_t n = MIN(name.n, UNIT_NAME_MAX - 1);

	memcpy(ret_name, name.p, n);
	ret_name[n] = '\0';
}

/* v1: "slurm" or "slurm_HOST". */
static bool daemon_v1(struct slice name, struct slice *ret_host)
{
	if (!cut_prefix(&name, "slurm") || (name.n && !cut_prefix(&name, "_")))
		return false;
	*ret_host = name;
	return true;
}

/* v2: "slurmstepd.scope" or "HOST_slurmstepd.scope"; HOST may hold the word itself. */
static bool daemon_v2(struct slice name, struct slice *ret_host)
{
	static const char word[] = "slurm";
	const size_t n = sizeof(word) - 1;

	for (size_t at = name.n >= n ? name.n - n + 1 : 0; at-- > 0;) {
		if (memcmp(name.p + at, word, n) != 0 || (at && name.p[at - 1] != '_'))
			continue;
		*ret_host = (struct slice){ name.p, at ? at - 1 : 0 };
		return true;
	}
	return false;
}

/*
 * A job's directory is exactly "job_DIGITS": no other name is Slurm's, and a user to whom a step's
 * groups are handed can make directories below it only.
 */
static bool job_name(enum cgroup_version version, struct slice name, struct unit_match *match)
{
	struct slice number = name;

	if (cut_prefix(&number, "job_") && is_job_number(number)) {
		set_name(match->id, number);
		return true;
	}
	if (version == CGROUP_V2 && slurm_is_sluid(name)) {
		set_name(match->id, name);
		return true;
	}
	return false;
}

static enum unit_path_is classify(
	enum cgroup_version version, struct slice path, struct unit_match *match)
{
	bool (*const is_daemon)(struct slice, struct slice *) = version == CGROUP_V2 ? daemon_v2
										     : daemon_v1;
	bool below_daemon = false, below_step = false;
	char text[UNIT_NAME_MAX];
	struct slice component;

	while (slice_next(&path, '/', &component)) {
		struct slice name, host;
		int n = cgroup_unescape(component, text, sizeof(text));

		if (n < 0)
			return UNIT_PATH_CHILD;
		name = (struct slice){ text, (size_t)n };
		if (below_daemon && job_name(version, name, match))
			return path.p || below_step ? UNIT_PATH_CHILD : UNIT_PATH_UNIT;
		below_step |= below_daemon && n >= 5 && memcmp(text, "step_", 5) == 0;
		if (!below_daemon && is_daemon(name, &host)) {
			below_daemon = true;
			set_name(match->virtual_host, host);
		}
	}
	return UNIT_PATH_OTHER;
}

int slurm_real_uid(struct slice status, uint64_t *ret_uid)
{
	struct slice line, word;

	while (slice_next_line(&status, &line)) {
		if (cut_prefix(&line, "Uid:"))
			return slice_next_word(&line, &word) && slice_to_u64(word, ret_uid) >= 0
				? 0
				: -EBADMSG;
	}
	return -EBADMSG;
}

int slurm_job_of_stepd(struct slice cmdline, struct slice *ret_job)
{
	struct slice job = cmdline;
	size_t n = 0;

	if (!cut_prefix(&job, "slurmstepd: ["))
		return -EBADMSG;
	while (n < job.n && is_digit(job.p[n]))
		n++;
	if (n + 1 >= job.n || job.p[n] != '.' || !memchr(job.p + n, ']', job.n - n))
		return -EBADMSG;
	job.n = n;
	if (!is_job_number(job))
		return -EBADMSG;
	*ret_job = job;
	return 0;
}

int slurm_job_of_environ(struct slice text, struct slice *ret_job)
{
	struct slice entry;

	while (slice_next(&text, '\0', &entry)) {
		if (cut_prefix(&entry, "SLURM_JOB_ID=") && is_job_number(entry)) {
			*ret_job = entry;
			return 0;
		}
	}
	return -EBADMSG;
}

static int read_of(int procfs_fd, uint64_t pid, const char *file, size_t limit, struct buffer *text)
{
	char path[64];

	snprintf(path, sizeof(path), "%" PRIu64 "/%s", pid, file);
	buffer_clear(text);
	return file_read(procfs_fd, path, limit, text);
}

static struct slice text_of(const struct buffer *text)
{
	return (struct slice){ buffer_text(text), text->len };
}

/* Only root can be such a process. */
static int ask_stepd(int procfs_fd, uint64_t pid, struct buffer *text, struct slice *ret_job)
{
	uint64_t uid;
	int r = read_of(procfs_fd, pid, "status", STATUS_MAX_BYTES, text);

	if (r >= 0)
		r = slurm_real_uid(text_of(text), &uid);
	if (r >= 0 && uid != 0)
		r = -EPERM;
	if (r >= 0)
		r = read_of(procfs_fd, pid, "cmdline", CMDLINE_MAX_BYTES, text);
	return r < 0 ? r : slurm_job_of_stepd(text_of(text), ret_job);
}

/* All processes that name a job have to name the same one. */
static int ask_environments(int procfs_fd, const uint64_t *pids, size_t n, struct buffer *text,
	struct unit_identity *identity)
{
	int ret = -ENODATA;

	for (size_t i = 0; i < n; i++) {
		struct slice job;

		if (read_of(procfs_fd, pids[i], "environ", ENVIRON_MAX_BYTES, text) < 0 ||
			slurm_job_of_environ(text_of(text), &job) < 0)
			continue;
		if (ret >= 0 && !slice_eq(job, identity->uuid))
			return -ENODATA;
		unit_identity_set_uuid(identity, job);
		ret = 0;
	}
	return ret;
}

/* What job a SLUID stands for. */
static int ask_job(const struct unit_facts *facts, const uint64_t *pids, size_t n,
	struct unit_identity *identity)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct slice job;
	int r = -ENODATA;

	for (size_t i = 0; i < n && r < 0; i++)
		r = ask_stepd(facts->procfs_fd, pids[i], &text, &job);
	if (r >= 0)
		unit_identity_set_uuid(identity, job);
	else
		r = ask_environments(facts->procfs_fd, pids, n, &text, identity);
	return r;
}

/*
 * The name that stands in for a number is final after a while, so that the job's series don't
 * change their label late in its life.
 */
static int find_job(const struct unit_facts *facts, const uint64_t *pids, size_t n,
	struct unit_identity *identity)
{
	if (SLURM_NOTE_SLUID_TRIES(*facts->note) < SLUID_TRIES_MAX) {
		if (ask_job(facts, pids, n, identity) >= 0)
			return 0;
		*facts->note += SLURM_NOTE_SLUID_TRY;
	}
	identity->uuid[0] = '\0';
	if (SLURM_NOTE_SLUID_TRIES(*facts->note) >= SLUID_TRIES_MAX)
		return -ENODATA;
	identity->problem = "no process tells the job's number, its directory's name stands in";
	return -EAGAIN;
}

/* Every id but a SLUID is the job's number. */
static int identify(void *ctx, const struct unit_facts *facts, struct unit_identity *identity)
{
	bool is_sluid = slurm_is_sluid(slice_from(facts->id));
	capability_set raised;
	const uint64_t *pids;
	int r = 0;
	size_t n;

	if (!is_sluid && !facts->wants_gpus)
		return 0;
	n = facts->processes(facts->lister, &pids);
	raised = privilege_raise(CAPABILITY(CAP_SYS_PTRACE) | CAPABILITY(CAP_DAC_READ_SEARCH));
	if (is_sluid)
		r = find_job(facts, pids, n, identity);
	if (r >= 0 && facts->wants_gpus)
		r = slurm_devices_find(
			facts, is_sluid ? identity->uuid : facts->id, pids, n, identity);
	privilege_lower(raised);
	return r == -ENODATA ? 0 : r;
}

const struct unit_manager slurm_unit_manager = {
	.name = "slurm",
	.search_v1 = "",
	.search_v2 = "system.slice",
	.is_root = is_root,
	.classify = classify,
	.needs_processes = true,
	.identify = identify,
};
