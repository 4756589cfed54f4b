// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/k8s_units.h"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/file.h"
#include "basic/macros.h"
#include "exporter/managers/k8s_devices.h"

static const char ROOT[] = "kubepods", POD[] = "pod";

enum { POD_LEN = sizeof(POD) - 1 };

static bool is_id(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '_' || c == '-';
}

static bool starts(struct slice s, const char *prefix)
{
	return s.n >= strlen(prefix) && memcmp(s.p, prefix, strlen(prefix)) == 0;
}

/*
 * "podUID", "kubepods-podUID.slice", "kubepods-burstable-podUID.slice": the last "pod" that is a
 * word of its own, so that the slices of the QoS classes are none.
 */
static bool pod_name(struct slice name, struct slice *ret_id)
{
	for (size_t at = name.n >= POD_LEN ? name.n - POD_LEN + 1 : 0; at-- > 0;) {
		struct slice id = { name.p + at + POD_LEN, 0 };

		if (memcmp(name.p + at, POD, POD_LEN) != 0 || (at && name.p[at - 1] != '-'))
			continue;
		while (at + POD_LEN + id.n < name.n && is_id(id.p[id.n]))
			id.n++;
		if (id.n) {
			*ret_id = id;
			return true;
		}
	}
	return false;
}

/* systemd takes '-' for a step down, so that its driver writes '_'. */
static void set_id(struct unit_match *match, struct slice id)
{
	size_t n = MIN(id.n, sizeof(match->id) - 1);

	for (size_t i = 0; i < n; i++)
		match->id[i] = (char)(id.p[i] == '_' ? '-' : id.p[i]);
	match->id[n] = '\0';
	match->virtual_host[0] = '\0';
}

static enum unit_path_is classify(
	enum cgroup_version version, struct slice path, struct unit_match *match)
{
	char text[UNIT_NAME_MAX];
	bool below_root = false;
	struct slice component;

	while (slice_next(&path, '/', &component)) {
		int n = cgroup_unescape(component, text, sizeof(text));
		struct slice name = { text, (size_t)MAX(n, 0) }, id;

		if (n < 0 || starts(name, "cri-containerd"))
			return UNIT_PATH_CHILD;
		if (below_root && pod_name(name, &id)) {
			set_id(match, id);
			return path.p ? UNIT_PATH_CHILD : UNIT_PATH_UNIT;
		}
		below_root |= starts(name, ROOT);
	}
	return UNIT_PATH_OTHER;
}

static const char *const roots[] = { "kubepods", "kubepods.slice", NULL };

const struct unit_manager k8s_unit_manager = {
	.name = "k8s",
	.root_names = roots,
	.classify = classify,
	.cpus_from = UNIT_CPUS_SHARES,
	.identify = k8s_devices_identify,
	.generation = k8s_devices_generation,
};

static bool is_directory(int fd, const char *name)
{
	struct stat st;

	return fstatat(fd, name, &st, 0) == 0 && S_ISDIR(st.st_mode);
}

static bool has_kubepods(int base_fd, const char *name)
{
	int fd = openat(base_fd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;
	const struct dirent *entry;
	bool found = false;

	if (!dir) {
		file_closep(&fd);
		return false;
	}
	while (!found && (entry = readdir(dir)))
		found = str_starts(entry->d_name, ROOT);
	closedir(dir);
	return found;
}

struct k8s_layout k8s_layout(
	const struct host_root *host, enum cgroup_version version, const char *active_subsystem)
{
	CLEANUP(file_closep) int hierarchy_fd = -1;
	struct k8s_layout layout = { 0 };
	int fd = host->cgroupfs_fd;

	if (fd >= 0 && version == CGROUP_V1)
		fd = hierarchy_fd = cgroup_open_hierarchy(fd, active_subsystem, NULL);
	if (fd < 0)
		return layout;
	layout.both_roots = is_directory(fd, roots[0]) && is_directory(fd, roots[1]);
	layout.in_system_slice = layout.both_roots && has_kubepods(fd, "system.slice");
	return layout;
}
