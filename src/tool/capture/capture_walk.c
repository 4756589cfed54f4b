// SPDX-License-Identifier: Apache-2.0
/*
 * Which files the exporter reads, and the way to them. Links in sysfs are kept, since names of
 * sensors follow from where they lead, and what they lead to is read at its own place.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "basic/path.h"
#include "tool/capture/capture_tree.h"

enum { LINKS_MAX = 16, CGROUP_DEPTH_MAX = 32, CGROUP_SEARCH_DEPTH = 4 };

/* A slash at the end: the folder is enough. By file of src/exporter and src/host that reads them.
 */
static const char *const proc_globs[] = {
	"stat",
	"meminfo",
	"cpuinfo",
	"diskstats",
	"partitions",
	"cgroups",
	"net/dev",
	"driver/nvidia-caps/mig-minors",
	"driver/nvidia/capabilities/gpu*/mig/gi*/access",
	"driver/nvidia/capabilities/gpu*/mig/gi*/ci*/access",
};
static const char *const sys_globs[] = {
	"bus/mdev/devices/*/",
	"bus/pci/devices/*/class",
	"bus/pci/devices/*/device",
	"bus/pci/devices/*/hwmon/*/power1_average",
	"bus/pci/devices/*/hwmon/*/power1_input",
	"bus/pci/devices/*/vendor",
	"class/hwmon/*/device/",
	"class/hwmon/*/device/energy*",
	"class/hwmon/*/device/name",
	"class/hwmon/*/device/power*",
	"class/hwmon/*/energy*",
	"class/hwmon/*/name",
	"class/hwmon/*/power*",
	"class/infiniband/*/board_id",
	"class/infiniband/*/fw_ver",
	"class/infiniband/*/hca_type",
	"class/infiniband/*/ports/*/counters/*",
	"class/infiniband/*/ports/*/counters_ext/*",
	"class/infiniband/*/ports/*/hw_counters/*",
	"class/infiniband/*/ports/*/link_layer",
	"class/infiniband/*/ports/*/phys_state",
	"class/infiniband/*/ports/*/rate",
	"class/infiniband/*/ports/*/state",
	"class/kfd/kfd/topology/nodes/*/gpu_id",
	"class/kfd/kfd/topology/nodes/*/properties",
	"class/powercap/*/constraint_*",
	"class/powercap/*/enabled",
	"class/powercap/*/energy_uj",
	"class/powercap/*/max_energy_range_uj",
	"class/powercap/*/name",
	"cray/pm_counters/*",
	"devices/platform/amdgpu_xcp*/drm/*/",
	"module/amdgpu/drivers/pci:amdgpu/*/drm/*/",
};
static const char *const cgroup_files[] = {
	"blkio.io_service_bytes_recursive",
	"blkio.io_serviced_recursive",
	"blkio.throttle.io_service_bytes",
	"blkio.throttle.io_serviced",
	"cgroup.controllers",
	"cgroup.events",
	"cgroup.procs",
	"cpu.pressure",
	"cpu.shares",
	"cpu.stat",
	"cpu.weight",
	"cpuacct.stat",
	"cpuacct.usage",
	"cpuacct.usage_percpu",
	"cpuset.cpus",
	"cpuset.cpus.effective",
	"io.stat",
	"memory.current",
	"memory.events",
	"memory.failcnt",
	"memory.limit_in_bytes",
	"memory.max",
	"memory.max_usage_in_bytes",
	"memory.memsw.failcnt",
	"memory.memsw.limit_in_bytes",
	"memory.memsw.max_usage_in_bytes",
	"memory.memsw.usage_in_bytes",
	"memory.oom_control",
	"memory.pressure",
	"memory.stat",
	"memory.swap.current",
	"memory.swap.max",
	"memory.usage_in_bytes",
	"rdma.current",
	"rdma.max",
};
static const char *const unit_folders[] = { "*slurm*", "machine*", "kubepods*", "*libvirt*" };
static const char *const process_files[] = { "cmdline", "environ", "status" };

struct walk {
	struct capture_tree *tree;
	const char *prefix; /* in the archive */
	int root_fd;
	bool keep_links; /* else they are followed by the kernel */
	uint64_t *pids; /* of units; NULL: not wanted */
	size_t n_pids;
};

static void failed(struct walk *w, const char *path, int r)
{
	char full[2 * PATH_MAX];

	if (r == -ENOENT || r == -ENOTDIR || r == -ENODEV)
		return;
	snprintf(full, sizeof(full), "%s/%s", w->prefix, path);
	capture_tree_failed(w->tree, full, r);
}

static int add(
	struct walk *w, enum tar_type type, const char *path, const char *target, struct slice data)
{
	CLEANUP(buffer_done) struct buffer name = { 0 }, to = { 0 };

	buffer_printf(&name, "%s/", w->prefix);
	anonymise(w->tree->anonymiser, slice_from(path), &name);
	if (target)
		anonymise(w->tree->anonymiser, slice_from(target), &to);
	if (buffer_error(&name) || buffer_error(&to))
		return -ENOMEM;
	return capture_tree_add(
		w->tree, type, buffer_text(&name), target ? buffer_text(&to) : NULL, data);
}

static void note_pids(struct walk *w, struct slice text)
{
	struct slice line;

	while (w->pids && slice_next_line(&text, &line) && w->n_pids < CAPTURE_PIDS_MAX) {
		uint64_t pid;

		if (slice_to_u64(line, &pid) >= 0)
			w->pids[w->n_pids++] = pid;
	}
}

static int read_raw(struct walk *w, const char *path, struct buffer *raw)
{
	CLEANUP(file_closep)
	int fd = openat(w->root_fd, path, O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	struct stat st;
	char fd_path[64];

	if (fd < 0)
		return -errno;
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return -ENOENT;
	snprintf(fd_path, sizeof(fd_path), "/proc/self/fd/%d", fd);
	return file_read(AT_FDCWD, fd_path, CAPTURE_FILE_MAX_BYTES, raw);
}

static int add_file(struct walk *w, const char *path)
{
	CLEANUP(buffer_done) struct buffer raw = { 0 }, text = { 0 };
	const char *name = strrchr(path, '/');
	int r = read_raw(w, path, &raw);

	if (r < 0) {
		if (r == -E2BIG)
			w->tree->cut = true;
		failed(w, path, r);
		return r == -ENOMEM ? r : 0;
	}
	if (str_eq(name ? name + 1 : path, "cgroup.procs"))
		note_pids(w, (struct slice){ buffer_text(&raw), raw.len });
	anonymise(w->tree->anonymiser, (struct slice){ buffer_text(&raw), raw.len }, &text);
	if (buffer_error(&text))
		return -ENOMEM;
	return add(w, TAR_FILE, path, NULL, (struct slice){ buffer_text(&text), text.len });
}

static int walk_glob(struct walk *w, const char *done, const char *rest, int literals, int links);

/* What a link at path leads to, below the root; false: elsewhere. */
static bool resolve(const char *path, const char *target, char *ret_path)
{
	char joined[2 * PATH_MAX], name[PATH_MAX + 2];
	const char *slash = strrchr(path, '/');

	snprintf(name, sizeof(name), "r/%s", path);
	if (strlen(target) >= PATH_MAX / 2 || !tar_link_is_safe(name, target))
		return false;
	snprintf(joined, sizeof(joined), "%.*s/%s", slash ? (int)(slash - path) : 1,
		slash ? path : ".", target);
	if (strlen(joined) >= PATH_MAX - 2)
		return false;
	path_clean(joined, ret_path);
	return true;
}

static int follow(struct walk *w, const char *path, const char *rest, int literals, int links)
{
	char target[PATH_MAX], real[PATH_MAX], again[2 * PATH_MAX];
	ssize_t n = readlinkat(w->root_fd, path, target, sizeof(target) - 1);
	int r, parts = literals;

	if (n < 0) {
		failed(w, path, -errno);
		return 0;
	}
	target[n] = '\0';
	if (links >= LINKS_MAX || !resolve(path, target, real)) {
		failed(w, path, links >= LINKS_MAX ? -ELOOP : -EXDEV);
		return 0;
	}
	r = add(w, TAR_SYMLINK, path, target, SLICE(""));
	if (r < 0)
		return r;
	for (const char *c = real; c; c = strchr(c + 1, '/'))
		parts++;
	snprintf(again, sizeof(again), "%s%s%s", real, rest ? "/" : "", rest ? rest : "");
	return walk_glob(w, "", again, parts, links + 1);
}

static int step(struct walk *w, const char *done, const char *name, const char *rest, int literals,
	int links)
{
	char path[PATH_MAX];
	struct stat st;

	if (snprintf(path, sizeof(path), "%s%s%s", done, *done ? "/" : "", name) >=
		(int)sizeof(path))
		return 0;
	if (fstatat(w->root_fd, path, &st, w->keep_links ? AT_SYMLINK_NOFOLLOW : 0) < 0) {
		failed(w, path, -errno);
		return 0;
	}
	if (S_ISLNK(st.st_mode))
		return follow(w, path, rest, literals, links);
	if (S_ISDIR(st.st_mode)) {
		if (rest && *rest)
			return walk_glob(w, path, rest, literals, links);
		return rest ? add(w, TAR_DIR, path, NULL, SLICE("")) : 0;
	}
	return rest || !S_ISREG(st.st_mode) ? 0 : add_file(w, path);
}

/* The first `literals` components of rest are names and not patterns. */
static int walk_glob(struct walk *w, const char *done, const char *rest, int literals, int links)
{
	CLEANUP(file_closep) int fd = -1;
	char part[NAME_MAX + 1];
	const char *slash = strchr(rest, '/');
	const struct dirent *d;
	DIR *dir;
	int r = 0;

	if (snprintf(part, sizeof(part), "%.*s", slash ? (int)(slash - rest) : NAME_MAX, rest) >
		NAME_MAX)
		return 0;
	if (literals > 0 || !strpbrk(part, "*?["))
		return step(w, done, part, slash ? slash + 1 : NULL, MAX(literals - 1, 0), links);
	fd = openat(w->root_fd, *done ? done : ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		failed(w, done, -errno);
		return 0;
	}
	fd = -1;
	while (r >= 0 && (d = readdir(dir))) {
		if (d->d_name[0] != '.' && fnmatch(part, d->d_name, 0) == 0)
			r = step(w, done, d->d_name, slash ? slash + 1 : NULL, 0, links);
	}
	closedir(dir);
	return r;
}

static bool matches(const char *const *globs, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++) {
		if (fnmatch(globs[i], name, 0) == 0)
			return true;
	}
	return false;
}

static int walk_cgroup(struct walk *w, const char *path, bool in_unit, int depth);

static int cgroup_entry(struct walk *w, const char *dir, const char *name, bool in_unit, int depth)
{
	char path[PATH_MAX], target[PATH_MAX];
	struct stat st;
	ssize_t n;

	if (snprintf(path, sizeof(path), "%s%s%s", dir, *dir ? "/" : "", name) >= (int)sizeof(path))
		return 0;
	if (fstatat(w->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return 0;
	if (S_ISDIR(st.st_mode))
		return walk_cgroup(w, path,
			in_unit || matches(unit_folders, ARRAY_SIZE(unit_folders), name),
			depth + 1);
	/* "cpu" -> "cpu,cpuacct" */
	if (S_ISLNK(st.st_mode) && depth == 0) {
		n = readlinkat(w->root_fd, path, target, sizeof(target) - 1);
		target[MAX(n, 0)] = '\0';
		return n > 0 && !strchr(target, '/') ? add(w, TAR_SYMLINK, path, target, SLICE(""))
						     : 0;
	}
	if (!S_ISREG(st.st_mode) || !(in_unit || depth <= 1) ||
		!matches(cgroup_files, ARRAY_SIZE(cgroup_files), name) ||
		(!in_unit && str_eq(name, "cgroup.procs")))
		return 0;
	return add_file(w, path);
}

static int walk_cgroup(struct walk *w, const char *path, bool in_unit, int depth)
{
	const struct dirent *d;
	DIR *dir;
	int fd, r = 0;

	if (depth > (in_unit ? CGROUP_DEPTH_MAX : CGROUP_SEARCH_DEPTH))
		return 0;
	fd = openat(
		w->root_fd, *path ? path : ".", O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		failed(w, path, -errno);
		file_closep(&fd);
		return 0;
	}
	if (in_unit)
		r = add(w, TAR_DIR, path, NULL, SLICE(""));
	while (r >= 0 && (d = readdir(dir))) {
		if (!str_eq(d->d_name, ".") && !str_eq(d->d_name, ".."))
			r = cgroup_entry(w, path, d->d_name, in_unit, depth);
	}
	closedir(dir);
	return r;
}

static int add_process(struct walk *w, uint64_t pid)
{
	char path[64];
	struct stat st;
	int r;

	snprintf(path, sizeof(path), "%llu", (unsigned long long)pid);
	if (fstatat(w->root_fd, path, &st, AT_SYMLINK_NOFOLLOW) < 0 || !S_ISDIR(st.st_mode))
		return 0;
	r = add(w, TAR_DIR, path, NULL, SLICE(""));
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(process_files); i++) {
		CLEANUP(buffer_done) struct buffer raw = { 0 }, text = { 0 };
		struct slice all;

		snprintf(path, sizeof(path), "%llu/%s", (unsigned long long)pid, process_files[i]);
		r = read_raw(w, path, &raw);
		if (r < 0) {
			failed(w, path, r);
			r = r == -ENOMEM ? r : 0;
			continue;
		}
		all = (struct slice){ buffer_text(&raw), raw.len };
		if (i == 0)
			anonymise_cmdline(all, &text);
		else if (i == 1)
			anonymise_environ(w->tree->anonymiser, all, &text);
		else
			anonymise_status(all, &text);
		r = add(w, TAR_FILE, path, NULL, (struct slice){ buffer_text(&text), text.len });
	}
	return r;
}

static int open_root(const char *path)
{
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

int capture_tree_read(
	struct capture_tree *tree, const char *procfs, const char *sysfs, const char *cgroupfs)
{
	CLEANUP(file_closep) int proc_fd = open_root(procfs);
	CLEANUP(file_closep) int sys_fd = open_root(sysfs);
	CLEANUP(file_closep) int cgroup_fd = open_root(cgroupfs);
	uint64_t *pids = calloc(CAPTURE_PIDS_MAX, sizeof(*pids));
	struct walk proc = { tree, "proc", proc_fd, false, NULL, 0 };
	struct walk sys = { tree, "sys", sys_fd, true, NULL, 0 };
	struct walk cgroup = { tree, "cgroup", cgroup_fd, true, pids, 0 };
	int r = pids ? 0 : -ENOMEM;

	if (r >= 0)
		r = capture_tree_add(tree, TAR_DIR, "proc", NULL, SLICE(""));
	if (r >= 0)
		r = capture_tree_add(tree, TAR_DIR, "sys", NULL, SLICE(""));
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(proc_globs); i++)
		r = walk_glob(&proc, "", proc_globs[i], 0, 0);
	for (size_t i = 0; r >= 0 && i < ARRAY_SIZE(sys_globs); i++)
		r = walk_glob(&sys, "", sys_globs[i], 0, 0);
	if (r >= 0 && cgroup_fd >= 0)
		r = walk_cgroup(&cgroup, "", false, 0);
	for (size_t i = 0; r >= 0 && i < cgroup.n_pids; i++)
		r = add_process(&proc, pids[i]);
	free(pids);
	return r;
}
