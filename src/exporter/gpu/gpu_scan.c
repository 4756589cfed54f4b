// SPDX-License-Identifier: Apache-2.0
#include "exporter/gpu/gpu_scan.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "exporter/gpu/gpu_pod.h"
#include "host/amd_smi.h"
#include "host/command.h"
#include "host/kfd.h"
#include "host/nvidia_smi.h"

#define PCI_DEVICES "bus/pci/devices"

enum {
	RUN_MAX_MS = 60 * 1000,
	OUTPUT_MAX_BYTES = 16 << 20,
	SMALL_MAX_BYTES = 256,
	DIR_DEPTH_MAX = 4,
};

static const uint64_t HASH_START = UINT64_C(14695981039346656037), HASH_PRIME = 1099511628211;

static uint64_t hash_bytes(uint64_t hash, const char *text, size_t n)
{
	for (size_t i = 0; i < n; i++)
		hash = (hash ^ (unsigned char)text[i]) * HASH_PRIME;
	return hash * HASH_PRIME; /* parts end somewhere */
}

static DIR *open_dir(int parent_fd, const char *path)
{
	int fd = openat(parent_fd, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	DIR *dir = fd >= 0 ? fdopendir(fd) : NULL;

	if (fd >= 0 && !dir)
		close(fd);
	return dir;
}

/* Of the file in a directory of PCI_DEVICES, trimmed; empty if it can't be read. */
static struct slice read_pci(
	int sysfs_fd, const char *device, const char *file, char text[SMALL_MAX_BYTES])
{
	char path[NAME_MAX + 64];
	ssize_t n;

	snprintf(path, sizeof(path), PCI_DEVICES "/%s/%s", device, file);
	n = file_read_small(sysfs_fd, path, text, SMALL_MAX_BYTES);
	return slice_trim((struct slice){ text, n < 0 ? 0 : (size_t)n });
}

/* Display controllers and processing accelerators of a vendor that we know; 0 for all others. */
static unsigned vendor_of(int sysfs_fd, const char *device)
{
	char text[SMALL_MAX_BYTES];
	struct slice class = read_pci(sysfs_fd, device, "class", text), vendor;

	if (class.n < 4 || (memcmp(class.p, "0x03", 4) != 0 && memcmp(class.p, "0x12", 4) != 0))
		return 0;
	vendor = read_pci(sysfs_fd, device, "vendor", text);
	if (slice_eq(vendor, "0x10de"))
		return 1 << GPU_VENDOR_NVIDIA;
	return slice_eq(vendor, "0x1002") ? 1 << GPU_VENDOR_AMD : 0;
}

unsigned gpu_scan_vendors(const struct host_root *host, enum gpu_vendor_choice choice)
{
	const struct dirent *entry;
	unsigned vendors = 0;
	DIR *dir;

	if (choice != GPU_DETECT)
		return choice == GPU_NVIDIA ? 1 << GPU_VENDOR_NVIDIA
			: choice == GPU_AMD ? 1 << GPU_VENDOR_AMD
					    : 0;
	dir = open_dir(host->sysfs_fd, PCI_DEVICES);
	while (dir && (entry = readdir(dir)))
		vendors |= entry->d_name[0] == '.' ? 0 : vendor_of(host->sysfs_fd, entry->d_name);
	if (dir)
		closedir(dir);
	return vendors;
}

/* The order of a directory says nothing: its entries are summed up. */
static uint64_t hash_pci(int sysfs_fd)
{
	DIR *dir = open_dir(sysfs_fd, PCI_DEVICES);
	const struct dirent *entry;
	uint64_t sum = 0;

	while (dir && (entry = readdir(dir))) {
		char text[SMALL_MAX_BYTES];
		struct slice partition;
		uint64_t hash;

		if (entry->d_name[0] == '.' || !vendor_of(sysfs_fd, entry->d_name))
			continue;
		hash = hash_bytes(HASH_START, entry->d_name, strlen(entry->d_name));
		partition = read_pci(sysfs_fd, entry->d_name, "current_compute_partition", text);
		sum += hash_bytes(hash, partition.p, partition.n);
	}
	if (dir)
		closedir(dir);
	return sum;
}

/* Names below a directory, down to the given depth. */
static uint64_t hash_names(int parent_fd, const char *path, int depth)
{
	const struct dirent *entry;
	uint64_t sum = 0;
	DIR *dir = open_dir(parent_fd, path);

	while (dir && (entry = readdir(dir))) {
		uint64_t hash;

		if (entry->d_name[0] == '.')
			continue;
		hash = hash_bytes(HASH_START, entry->d_name, strlen(entry->d_name));
		sum += hash;
		if (depth > 1 && (entry->d_type == DT_DIR || entry->d_type == DT_UNKNOWN))
			sum += (hash | 1) * hash_names(dirfd(dir), entry->d_name, depth - 1);
	}
	if (dir)
		closedir(dir);
	return sum;
}

uint64_t gpu_scan_signature(const struct host_root *host)
{
	return hash_pci(host->sysfs_fd) + 3 * hash_names(host->sysfs_fd, "bus/mdev/devices", 1) +
		/* gpuN/mig/giN/ciN */
		5 * hash_names(host->procfs_fd, "driver/nvidia/capabilities", DIR_DEPTH_MAX) +
		7 * hash_names(host->sysfs_fd, "class/kfd/kfd/topology/nodes", 1);
}

const char *gpu_tool_program(const char *path, const char *name, char *text, size_t size)
{
	if (!path || !path[0] || access(path, F_OK) < 0)
		return name;
	/* What was found in the working directory must not be looked for in PATH. */
	snprintf(text, size, "%s%s", strchr(path, '/') ? "" : "./", path);
	return text;
}

/* One scan. */
struct scan {
	const struct gpu_tools *tools;
	int64_t end_ns;
	int cancel_fd;
	struct gpu_list *list;
	struct buffer out;
};

static int64_t left_ms(const struct scan *s)
{
	const int64_t left = (s->end_ns - clock_monotonic_ns(clock_system())) / 1000000;

	return MIN(MAX(left, 1), RUN_MAX_MS);
}

static int run_here(struct scan *s, const char *const *argv, struct err *err)
{
	const struct command command = {
		.argv = argv,
		.timeout_ms = left_ms(s),
		.max_output_bytes = OUTPUT_MAX_BYTES,
		.cancel_fd = s->cancel_fd,
	};

	buffer_clear(&s->out);
	return command_run(&command, &s->out, err);
}

/* After a failure here, whose sentence stays in front. */
static int run_in_pod(
	struct scan *s, enum gpu_vendor vendor, const char *const *argv, int r, struct err *err)
{
	const struct err here = err ? *err : (struct err){ 0 };
	struct err there = { 0 };

	if (!s->tools->pod || r == -ECANCELED)
		return r;
	buffer_clear(&s->out);
	if (gpu_pod_run(s->tools->pod, vendor, argv, left_ms(s), s->cancel_fd, &s->out, &there) >=
		0)
		return 0;
	return err_set(err, r, "%s; %s", here.text, there.text);
}

static struct slice output(const struct scan *s)
{
	return (struct slice){ buffer_text(&s->out), s->out.len };
}

static int run_nvidia(
	struct scan *s, const char *const *argv, struct slice *ret_text, struct err *err)
{
	int r = run_here(s, argv, err);

	if (r < 0)
		r = run_in_pod(s, GPU_VENDOR_NVIDIA, argv, r, err);
	*ret_text = output(s);
	return r;
}

/* What the list itself doesn't tell; a failure leaves the list as it is. */
static int nvidia_details(struct scan *s, const char *program, struct err *err)
{
	const char *const listing[] = { program, "-L", NULL };
	const char *const vgpus[] = { program, "vgpu", "--query", NULL };
	bool has_instances = false, has_vgpus = false;
	struct slice text;
	int r = 0;

	for (size_t i = 0; i < s->list->n; i++) {
		has_instances |= s->list->v[i].is_cut;
		has_vgpus |= s->list->v[i].is_vgpu;
	}
	if (has_instances) {
		r = run_nvidia(s, listing, &text, err);
		if (r >= 0)
			nvidia_smi_parse_mig_uuids(text, s->list);
	}
	if (r >= 0 && has_vgpus) {
		r = run_nvidia(s, vgpus, &text, err);
		if (r >= 0)
			r = nvidia_smi_parse_mdevs(text, s->list);
	}
	return r;
}

static int scan_nvidia(struct scan *s, struct err *err)
{
	char path[PATH_MAX];
	const char *program = gpu_tool_program(
		s->tools->nvidia_smi_path, "nvidia-smi", path, sizeof(path));
	const char *const argv[] = { program, "--query", "--xml-format", NULL };
	struct slice text;
	int r = run_nvidia(s, argv, &text, err);

	if (r >= 0) {
		r = nvidia_smi_parse(text, s->list, err);
		if (r < 0) {
			gpu_list_done(s->list);
			return err_prefix(err, r, "output of '%s'", program);
		}
		r = nvidia_details(s, program, err);
	}
	return r;
}

static int ask_rocm(struct scan *s, struct gpu_list *list, struct err *err)
{
	char path[PATH_MAX];
	const char *program = gpu_tool_program(
		s->tools->rocm_smi_path, "rocm-smi", path, sizeof(path));
	const char *const argv[] = { program, "--showproductname", "--showserial", "--showbus",
		"--showcomputepartition", "--showmemorypartition", "--json", NULL };
	int r = run_here(s, argv, err);

	if (r == -ENOENT)
		return err_set(err, r, "neither amd-smi nor rocm-smi is there");
	return r < 0 ? r : rocm_smi_parse(output(s), list, err);
}

static int ask_amd(struct scan *s, struct gpu_list *list, struct err *err)
{
	char path[PATH_MAX];
	const char *program = gpu_tool_program(
		s->tools->amd_smi_path, "amd-smi", path, sizeof(path));
	const char *const argv[] = { program, "static", "-a", "-B", "-b", "-p", "--json", NULL };
	int r = run_here(s, argv, err);

	if (r == -ENOENT) {
		r = ask_rocm(s, list, err);
		if (r >= 0)
			return r;
	}
	if (r < 0)
		r = run_in_pod(s, GPU_VENDOR_AMD, argv, r, err);
	return r < 0 ? r : amd_smi_parse(output(s), list, err);
}

/* Moves what one list has behind the devices of another. */
static int append(struct gpu_list *to, struct gpu_list *from)
{
	for (size_t i = 0; i < from->n; i++) {
		struct gpu_device *device;
		int r = gpu_list_add(to, &device);

		if (r < 0)
			return r;
		*device = from->v[i];
		from->v[i].instances = NULL;
	}
	return 0;
}

static int scan_amd(struct scan *s, const struct host_root *host, struct err *err)
{
	struct gpu_list list = { 0 };
	int r = ask_amd(s, &list, err);

	if (r >= 0) {
		r = kfd_complete(host->sysfs_fd, &list);
		if (r >= 0)
			r = append(s->list, &list);
		if (r < 0)
			err_errno(err, r, "listing GPUs");
	}
	gpu_list_done(&list);
	return r;
}

int gpu_scan_run(const struct host_root *host, const struct gpu_tools *tools, unsigned vendors,
	int64_t timeout_ms, int cancel_fd, struct gpu_list *ret_list, struct err *err)
{
	struct scan s = {
		.tools = tools,
		.end_ns = clock_monotonic_ns(clock_system()) + timeout_ms * 1000000,
		.cancel_fd = cancel_fd,
		.list = ret_list,
	};
	struct err amd_err = { 0 };
	int r = 0, amd = 0;

	if (vendors & 1 << GPU_VENDOR_NVIDIA)
		r = scan_nvidia(&s, err);
	if (vendors & 1 << GPU_VENDOR_AMD)
		amd = scan_amd(&s, host, &amd_err);
	buffer_done(&s.out);
	if (r >= 0 && amd < 0)
		r = err_set(err, amd, "%s", amd_err.text);
	return r;
}
