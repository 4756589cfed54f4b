// SPDX-License-Identifier: Apache-2.0
/* ceems_tool replay: see docs/capture.md. An archive is a stranger's: nothing in it is run, and
 * nothing is written outside the folder. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "format/tar.h"
#include "tool/capture/capture_gzip.h"
#include "tool/capture/capture_ipmi.h"
#include "tool/capture/capture_tools.h"
#include "tool/capture/replay_server.h"
#include "tool/tool.h"

enum { ENTRIES_MAX = 2000000 };

#define FRAMES "frames/"

struct replay {
	const char *dir;
	int dir_fd;
	double speed; /* 0 = the frames are left out */
	int64_t start_ns;
	size_t entries, frames;
	struct tar_entry entry;
	struct replay_server *server; /* NULL: no answers were captured */
};

/* The folder that holds path, made if missing; no link is followed. The last component is told. */
static int open_parent(int dir_fd, const char *path, const char **ret_name)
{
	struct slice rest = slice_from(path), part;
	int fd = fcntl(dir_fd, F_DUPFD_CLOEXEC, 3);

	while (fd >= 0 && slice_next(&rest, '/', &part) && rest.p) {
		char name[NAME_MAX + 1];
		int next;

		snprintf(name, sizeof(name), "%.*s", (int)part.n, part.p);
		if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
			next = -1;
		else
			next = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		close(fd);
		fd = next;
	}
	*ret_name = strrchr(path, '/') ? strrchr(path, '/') + 1 : path;
	return fd < 0 ? -errno : fd;
}

/* In place and not by a new file: who keeps it open, as the exporter does, sees the change. */
static int write_file(int fd, const char *name, struct slice data)
{
	CLEANUP(file_closep)
	int file = openat(fd, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC, 0644);
	struct stat st;
	size_t done = 0;

	if (file < 0 || fstat(file, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EEXIST;
	while (done < data.n) {
		ssize_t n = pwrite(file, data.p + done, data.n - done, (off_t)done);

		if (n < 0 && errno != EINTR)
			return -errno;
		done += (size_t)MAX(n, 0);
	}
	return ftruncate(file, (off_t)data.n) < 0 ? -errno : 0;
}

/* Only who reads these two trees follows links; what else is there is given out. */
static bool may_be_link(const char *path, const char *target)
{
	return (str_starts(path, "sys/") || str_starts(path, "cgroup/")) &&
		tar_link_is_safe(path, target);
}

static int put(struct replay *p, const char *path, const struct tar_entry *e)
{
	const char *name;
	CLEANUP(file_closep) int fd = open_parent(p->dir_fd, path, &name);
	int r = 0;

	if (fd < 0)
		return fd;
	if (e->type == TAR_DIR) {
		r = mkdirat(fd, name, 0755) < 0 && errno != EEXIST ? -errno : 0;
	} else if (e->type == TAR_SYMLINK) {
		if (!may_be_link(path, e->target))
			return -EPERM;
		r = symlinkat(e->target, fd, name) < 0 && errno != EEXIST ? -errno : 0;
	} else {
		r = write_file(fd, name, e->data);
	}
	return r;
}

/* What an archive may have at the top; what changes may come in frames, too. Scripts are ours
 * alone.
 */
static bool is_ours(const char *name, bool in_frame)
{
	static const struct {
		const char *name;
		bool changes;
	} tops[] = { { "proc", true }, { "sys", true }, { "cgroup", true }, { "ipmi", true },
		{ "kubernetes", true }, { "tools", false }, { "replies", false },
		{ "libvirt", false }, { "slurm", false }, { "manifest.json", false } };
	const size_t n = strcspn(name, "/");

	for (size_t i = 0; i < ARRAY_SIZE(tops); i++) {
		if (strlen(tops[i].name) == n && memcmp(tops[i].name, name, n) == 0)
			return !in_frame || tops[i].changes;
	}
	return false;
}

static void take_away(struct replay *p, struct slice names)
{
	struct slice path;

	/* From the end: what is in a folder comes behind it. */
	while (names.n > 1) {
		size_t at = names.n - 1;
		const char *name;
		int fd;

		while (at > 0 && names.p[at - 1])
			at--;
		path = (struct slice){ names.p + at, names.n - at };
		names.n = at;
		if (path.p[path.n - 1] || !tar_name_is_safe(path.p) || !is_ours(path.p, true))
			continue;
		fd = open_parent(p->dir_fd, path.p, &name);
		if (fd < 0)
			continue;
		if (unlinkat(fd, name, 0) < 0)
			(void)unlinkat(fd, name, AT_REMOVEDIR);
		close(fd);
	}
}

/* frames/OFFSET_MS/PATH or frames/OFFSET_MS.gone */
static int play(struct replay *p, const struct tar_entry *e)
{
	char *end;
	const long long offset_ms = strtoll(e->name + strlen(FRAMES), &end, 10);
	const bool gone = str_eq(end, ".gone");

	if (offset_ms < 0 || offset_ms > 24LL * 3600 * 1000 || (!gone && *end != '/') ||
		(!gone && !is_ours(end + 1, true)))
		return -EBADMSG;
	if (p->speed <= 0)
		return 0;
	const int64_t at_ns = p->start_ns + (int64_t)((double)offset_ms * 1e6 / p->speed);
	const struct timespec at = { at_ns / 1000000000, at_ns % 1000000000 };

	while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL) == EINTR)
		;
	p->frames++;
	if (!gone)
		return put(p, end + 1, e);
	take_away(p, e->data);
	return 0;
}

static bool is_there(const struct replay *p, const char *path)
{
	return faccessat(p->dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static int write_script(struct replay *p, size_t i, const char *absolute)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct tar_entry *e = &p->entry;
	char folder[PATH_MAX];
	const char *name;
	int fd, r;

	snprintf(e->name, sizeof(e->name), "tools/%s", capture_tool_name(i));
	if (!is_there(p, e->name))
		return 0;
	if (snprintf(folder, sizeof(folder), "%s/%s", absolute, e->name) >= (int)sizeof(folder))
		return -ENAMETOOLONG;
	capture_tool_script(i, folder, &text);
	snprintf(e->name, sizeof(e->name), "bin/%s", capture_tool_name(i));
	fd = open_parent(p->dir_fd, e->name, &name);
	if (fd < 0)
		return fd;
	r = write_file(fd, name, (struct slice){ buffer_text(&text), text.len });
	if (r >= 0 && fchmodat(fd, name, 0755, 0) < 0)
		r = -errno;
	close(fd);
	return r;
}

/* As on the recorded machine: a tool comes before the device. */
static void print_ipmi_flags(const struct replay *p, const char *absolute, FILE *out)
{
	if (is_there(p, "bin/ipmi-dcmi") || is_there(p, "bin/ipmitool") ||
		is_there(p, "bin/ipmiutil") || is_there(p, "bin/capmc"))
		fputs(" --collector.ipmi_dcmi", out);
	else if (is_there(p, CAPTURE_IPMI_FILE))
		fprintf(out,
			" --collector.ipmi_dcmi --collector.ipmi_dcmi.device=%s/" CAPTURE_IPMI_FILE,
			absolute);
}

/* What stands in front of the frames is there: say how to run the exporter from it. */
static int ready(struct replay *p, FILE *out, struct err *err)
{
	char absolute[PATH_MAX];
	int r = realpath(p->dir, absolute) ? 0 : -errno;

	for (size_t i = 0; r >= 0 && capture_tool_name(i); i++)
		r = write_script(p, i, absolute);
	if (r < 0)
		return err_errno(err, r, "making scripts");
	r = replay_server_start(p->dir_fd, absolute, &p->server, err);
	if (r < 0)
		return r;
	r = replay_server_write_config(p->server, p->dir_fd);
	if (r < 0)
		return err_errno(err, r, "writing what the exporter needs");
	replay_server_print_environment(p->server, out);
	fprintf(out,
		"PATH=%s/bin:$PATH ceems_exporter --path.procfs=%s/proc --path.sysfs=%s/sys "
		"--path.cgroupfs=%s/cgroup --collector.cgroups.force-version=%s",
		absolute, absolute, absolute, absolute,
		is_there(p, "cgroup/cgroup.controllers") ? "v2" : "v1");
	if (is_there(p, "libvirt"))
		fprintf(out, " --collector.libvirt.xml-dir=%s/libvirt", absolute);
	if (is_there(p, "slurm/gres.conf"))
		fprintf(out, " --collector.slurm.gres-config-file=%s/slurm/gres.conf", absolute);
	print_ipmi_flags(p, absolute, out);
	replay_server_print_flags(p->server, absolute, out);
	fputc('\n', out);
	fflush(out);
	p->start_ns = clock_monotonic_ns(clock_system());
	return 0;
}

static int unpack(struct replay *p, struct slice rest, FILE *out, struct err *err)
{
	struct tar_entry *e = &p->entry;
	bool told = false;
	int r;

	while ((r = tar_next(&rest, e)) > 0) {
		const bool frame = str_starts(e->name, FRAMES);

		if (++p->entries > ENTRIES_MAX)
			return err_set(err, -E2BIG, "more than %d entries", ENTRIES_MAX);
		if (!tar_name_is_safe(e->name) || (!frame && !is_ours(e->name, false)))
			return err_set(
				err, -EBADMSG, "'%.200s' does not belong into a capture", e->name);
		if (frame && !told) {
			struct tar_entry *keep = malloc(sizeof(*keep));

			if (!keep)
				return err_set(err, -ENOMEM, "no memory");
			*keep = *e; /* ready() uses it */
			r = ready(p, out, err);
			*e = *keep;
			free(keep);
			told = true;
			if (r < 0)
				return r;
		}
		r = frame ? play(p, e) : put(p, e->name, e);
		if (r < 0)
			return err_errno(err, r, "unpacking '%.200s'", e->name);
	}
	if (r < 0)
		return err_errno(err, r, "the archive is damaged");
	return told ? 0 : ready(p, out, err);
}

/* As long as somebody may ask. */
static void wait_for_signal(void)
{
	sigset_t set;
	int number;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	(void)sigwait(&set, &number);
}

static int open_empty(const char *path, struct err *err)
{
	int fd, n = 0;
	DIR *dir;

	if (mkdir(path, 0755) < 0 && errno != EEXIST)
		return err_errno(err, -errno, "making '%s'", path);
	dir = opendir(path);
	if (!dir)
		return err_errno(err, -errno, "opening '%s'", path);
	while (n <= 2 && readdir(dir))
		n++;
	fd = n > 2 ? -1 : fcntl(dirfd(dir), F_DUPFD_CLOEXEC, 3);
	closedir(dir);
	return fd < 0 ? err_set(err, -ENOTEMPTY, "'%s' must be empty, or new", path) : fd;
}

int command_replay(struct tool *t)
{
	CLEANUP(buffer_done) struct buffer archive = { 0 };
	const struct strings *args = &t->opt.positional;
	struct replay *p = calloc(1, sizeof(*p));
	struct err err = { 0 };
	int r = -ENOMEM;

	if (args->n != 2 || t->replay.speed < 0) {
		free(p);
		return tool_fatal(t, "replay takes an archive and a folder, and a speed from 0 on");
	}
	if (p) {
		p->dir = args->v[1];
		p->speed = t->replay.speed;
		p->dir_fd = -1;
		r = capture_gzip_read(
			args->v[0], 2 * ((size_t)CAPTURE_MAX_SIZE_MIB << 20), &archive, &err);
	}
	if (r >= 0)
		r = p->dir_fd = open_empty(p->dir, &err);
	if (r >= 0)
		r = unpack(p, (struct slice){ archive.data, archive.len }, t->out, &err);
	if (r >= 0 && p->server) {
		fputs("answers of services are given out until this program is ended\n",
			t->messages);
		wait_for_signal();
	}
	if (p) {
		replay_server_stop(p->server);
		file_closep(&p->dir_fd);
	}
	free(p);
	return r < 0 ? tool_failed(t, "failed to replay", &err) : 0;
}
