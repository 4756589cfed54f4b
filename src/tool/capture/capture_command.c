// SPDX-License-Identifier: Apache-2.0
/* ceems_tool capture: see docs/capture.md for the archive. */
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "config.h"
#include "format/json_writer.h"
#include "tool/capture/capture_configs.h"
#include "tool/capture/capture_gzip.h"
#include "tool/capture/capture_ipmi.h"
#include "tool/capture/capture_kube.h"
#include "tool/capture/capture_replies.h"
#include "tool/capture/capture_stop.h"
#include "tool/capture/capture_tools.h"
#include "tool/capture/capture_tree.h"
#include "tool/tool.h"

enum { FORMAT_VERSION = 1, FRAMES_MAX = 100000 };

#define NS_PER_MS 1000000LL

struct capture {
	const struct capture_options *options;
	struct anonymiser anonymiser;
	struct buffer archive;
	size_t limit_bytes;
	struct capture_tree first, last; /* last: what the latest frame saw */
	struct capture_tree tools;
	struct capture_ipmi ipmi;
	struct capture_kube kube;
	int stop_fd; /* readable when the recording is to end */
	bool has_last;
	int64_t frames;
	bool cut;
};

static void write_failures(struct json_writer *w, const struct capture_tree *tree)
{
	for (size_t i = 0; i < tree->n_failures; i++) {
		json_writer_open_object(w);
		json_writer_key(w, "path");
		json_writer_string(w, tree->failures[i].path);
		json_writer_key(w, "error");
		json_writer_string(w, err_name(tree->failures[i].error));
		json_writer_close_object(w);
	}
}

static int append_manifest(struct capture *c)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct json_writer w = json_writer(&text);
	struct utsname system = { 0 };

	uname(&system);
	json_writer_open_object(&w);
	json_writer_key(&w, "format");
	json_writer_int(&w, FORMAT_VERSION);
	json_writer_key(&w, "ceems_version");
	json_writer_string(&w, CEEMS_VERSION);
	json_writer_key(&w, "kernel");
	json_writer_string(&w, system.release);
	json_writer_key(&w, "machine");
	json_writer_string(&w, system.machine);
	json_writer_key(&w, "duration_ms");
	json_writer_int(&w, c->options->duration_ns / NS_PER_MS);
	json_writer_key(&w, "interval_ms");
	json_writer_int(&w, c->options->interval_ns / NS_PER_MS);
	json_writer_key(&w, "frames");
	json_writer_int(&w, c->frames);
	json_writer_key(&w, "cut");
	json_writer_bool(&w, c->cut);
	json_writer_key(&w, "interrupted");
	json_writer_bool(&w, capture_stop_asked());
	json_writer_key(&w, "unreadable");
	json_writer_open_array(&w);
	write_failures(&w, &c->first);
	write_failures(&w, &c->tools);
	json_writer_close_array(&w);
	json_writer_close_object(&w);
	buffer_putc(&text, '\n');
	if (buffer_error(&text))
		return -ENOMEM;
	return tar_append(&c->archive, TAR_FILE, "manifest.json", NULL,
		(struct slice){ text.data, text.len });
}

static int read_tree(struct capture *c, struct capture_tree *tree, struct err *err)
{
	const struct capture_options *o = c->options;
	int r;

	capture_tree_init(tree, c->limit_bytes, &c->anonymiser);
	r = capture_tree_read(tree, o->procfs, o->sysfs, o->cgroupfs);
	if (r >= 0 && (o->tools || *o->ipmi_device))
		r = capture_ipmi_read(&c->ipmi, c->stop_fd, tree);
	if (r < 0)
		return err_errno(err, r, "reading");
	r = capture_kube_read(&c->kube, c->stop_fd, tree, err);
	if (r >= 0)
		capture_tree_sort(tree);
	c->cut |= tree->cut;
	return r;
}

static int append_tree(struct capture *c, const struct capture_tree *tree)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < tree->n; i++) {
		const struct capture_item *item = &tree->v[i];

		r = tar_append(&c->archive, item->type, item->path, item->target, item->data);
	}
	return r;
}

static int take_first(struct capture *c, struct err *err)
{
	const struct capture_options *o = c->options;
	int r = read_tree(c, &c->first, err);

	if (r < 0)
		return r;
	r = append_tree(c, &c->first);
	capture_tree_init(&c->tools, c->limit_bytes, &c->anonymiser);
	if (r >= 0)
		r = capture_configs_read(&c->tools, o->xml_dir, o->gres_config_file);
	if (r >= 0 && o->tools)
		r = capture_tools_run(&c->tools, c->stop_fd);
	if (r < 0)
		return err_errno(err, r, "reading");
	r = capture_replies_run(&c->tools, o->redfish_config_file, o->emissions, c->stop_fd, err);
	if (r < 0)
		return r;
	capture_tree_sort(&c->tools);
	c->cut |= c->tools.cut;
	r = append_tree(c, &c->tools);
	return r < 0 ? err_errno(err, r, "reading") : 0;
}

static int take_frame(struct capture *c, int64_t offset_ms, struct err *err)
{
	struct capture_tree now = { 0 };
	char folder[64];
	size_t len = c->archive.len;
	int r = read_tree(c, &now, err);

	snprintf(folder, sizeof(folder), "frames/%012lld", (long long)offset_ms);
	if (r >= 0) {
		r = capture_tree_diff(
			c->has_last ? &c->last : &c->first, &now, folder, &c->archive);
		if (r < 0)
			err_errno(err, r, "reading");
	}
	if (r > 0 && c->archive.len > c->limit_bytes) {
		/* The archive stays whole: it ends with the frame before. */
		c->archive.len = len;
		c->cut = true;
		r = -E2BIG;
	}
	if (r > 0)
		c->frames++;
	capture_tree_done(&c->last);
	c->last = now;
	c->has_last = true;
	return r < 0 ? r : 0;
}

/* Whether the recording goes on then. */
static bool sleep_until(const struct capture *c, int64_t monotonic_ns)
{
	struct pollfd stop = { .fd = c->stop_fd, .events = POLLIN };

	while (!capture_stop_asked()) {
		const int64_t left_ns = monotonic_ns - clock_monotonic_ns(clock_system());
		const struct timespec left = { left_ns / 1000000000, left_ns % 1000000000 };

		if (left_ns <= 0)
			return true;
		(void)ppoll(&stop, 1, &left, NULL);
	}
	return false;
}

static int take_frames(struct capture *c, int64_t start_ns, struct err *err)
{
	int r = 0;

	for (int64_t i = 1; r >= 0 && i <= FRAMES_MAX; i++) {
		const int64_t offset_ns = i * c->options->interval_ns;

		if (offset_ns > c->options->duration_ns || !sleep_until(c, start_ns + offset_ns))
			break;
		r = take_frame(c, offset_ns / NS_PER_MS, err);
	}
	return r == -E2BIG ? 0 : r;
}

static int prepare(struct capture *c, struct err *err)
{
	const struct capture_options *o = c->options;

	if (o->interval_ns < 10 * NS_PER_MS || o->duration_ns < 0 ||
		o->duration_ns > 24LL * 3600 * 1000000000)
		return err_set(err, -EINVAL,
			"--interval must be 10ms at least and --duration 24h at most");
	if (o->max_size_mib < 1 || o->max_size_mib > CAPTURE_MAX_SIZE_MIB)
		return err_set(
			err, -EINVAL, "--max-size must be 1 to %d MiB", CAPTURE_MAX_SIZE_MIB);
	c->limit_bytes = (size_t)o->max_size_mib << 20;
	c->stop_fd = capture_stop_watch();
	if (c->stop_fd < 0)
		return err_errno(err, c->stop_fd, "watching for signals");
	if (gnutls_rnd(GNUTLS_RND_KEY, c->anonymiser.key, sizeof(c->anonymiser.key)) < 0)
		return err_set(err, -EIO, "no random key");
	gethostname(c->anonymiser.host, sizeof(c->anonymiser.host) - 1);
	/* The first label stands for the long form, too. */
	c->anonymiser.host[strcspn(c->anonymiser.host, ".")] = '\0';
	return 0;
}

static int run(struct capture *c, struct err *err)
{
	const int64_t start_ns = clock_monotonic_ns(clock_system());
	int r = take_first(c, err);

	if (r < 0)
		return r;
	r = take_frames(c, start_ns, err);
	if (r < 0)
		return r;
	r = append_manifest(c);
	tar_end(&c->archive);
	if (r < 0 || buffer_error(&c->archive))
		return err_errno(err, r < 0 ? r : -ENOMEM, "reading");
	return capture_gzip_write(
		c->options->output, (struct slice){ c->archive.data, c->archive.len }, err);
}

int command_capture(struct tool *t)
{
	const char *node_name = getenv("NODE_NAME");
	struct capture c = { .options = &t->capture,
		.ipmi = { .device = t->capture.ipmi_device },
		.kube = { .socket = t->capture.kubelet_socket,
			.kubeconfig = t->capture.kubeconfig,
			.node_name = node_name ? node_name : "" } };
	struct err err = { 0 };
	int r = prepare(&c, &err);

	if (r == -EINVAL)
		return tool_fatal(t, err.text);
	if (r >= 0)
		r = run(&c, &err);
	if (r >= 0) {
		fprintf(t->messages, "%zu files and %lld frames written to %s\n", c.first.n,
			(long long)c.frames, t->capture.output);
		if (capture_stop_asked())
			fputs("interrupted: the archive is complete and holds what was recorded "
			      "until then\n",
				t->messages);
		if (c.first.n_failures)
			fprintf(t->messages,
				"%zu files could not be read (see manifest.json), the first: %s: "
				"%s\n",
				c.first.n_failures, c.first.failures[0].path,
				err_name(c.first.failures[0].error));
		if (c.cut)
			fputs("a limit cut something off: see --max-size\n", t->messages);
		fputs("look through it before you give it away: docs/capture.md lists what is "
		      "left in\n",
			t->messages);
	}
	capture_tree_done(&c.first);
	capture_tree_done(&c.last);
	capture_tree_done(&c.tools);
	capture_ipmi_done(&c.ipmi);
	capture_kube_done(&c.kube);
	buffer_done(&c.archive);
	gnutls_memset(&c.anonymiser, 0, sizeof(c.anonymiser));
	return r < 0 ? tool_failed(t, "failed to capture", &err) : 0;
}
