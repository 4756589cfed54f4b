// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_tools.h"

#include <errno.h>
#include <stdio.h>

#include "basic/macros.h"
#include "host/command.h"
#include "host/nvidia_smi.h"

enum { TOOL_TIMEOUT_MS = 15000, TOOL_OUTPUT_MAX_BYTES = 4 << 20, LINES_MAX = 4, WORDS_MAX = 10 };

/* Words are separated by one blank. src/exporter: meters/ipmi_tool.c, gpu/gpu_scan.c,
 * gpu/gpu_power.c, units/rdma_stats.c */
static const struct {
	const char *name;
	const char *lines[LINES_MAX + 1];
} tools[] = {
	{ "amd-smi", { "static -a -B -b -p --json" } },
	{ "capmc", { "get_system_power -w 600" } },
	{ "ipmi-dcmi", { "--get-system-power-statistics" } },
	{ "ipmitool", { "dcmi power reading" } },
	{ "ipmiutil", { "dcmi power" } },
	{ "nvidia-smi",
		{ "--query --xml-format", "-L", "vgpu --query",
			NVIDIA_SMI_READINGS " --format=csv,noheader,nounits" } },
	/* As text nobody can tell where the name of a process ends. */
	{ "rdma",
		{ "-j resource show mr", "-j resource show cq", "-j resource show qp",
			"-j statistic qp show" } },
	{ "rocm-smi",
		{ "--showproductname --showserial --showbus --showcomputepartition "
		  "--showmemorypartition --json" } },
};

const char *capture_tool_name(size_t i)
{
	return i < ARRAY_SIZE(tools) ? tools[i].name : NULL;
}

static int add(struct capture_tree *tree, const char *tool, int line, const char *suffix,
	struct slice data)
{
	char path[128];

	snprintf(path, sizeof(path), "tools/%s/%d.%s", tool, line, suffix);
	return capture_tree_add(tree, TAR_FILE, path, NULL, data);
}

static int run_line(
	struct capture_tree *tree, int stop_fd, const char *tool, int number, const char *line)
{
	CLEANUP(buffer_done) struct buffer out = { 0 }, text = { 0 };
	char words[512], path[64], *save = NULL;
	const char *argv[WORDS_MAX + 2] = { tool };
	const struct command command = { .argv = argv,
		.timeout_ms = TOOL_TIMEOUT_MS,
		.max_output_bytes = TOOL_OUTPUT_MAX_BYTES,
		.new_session = true,
		.cancel_fd = stop_fd };
	struct err err = { 0 };
	size_t n = 1;
	bool failed;
	int r;

	snprintf(words, sizeof(words), "%s", line);
	for (char *w = strtok_r(words, " ", &save); w && n <= WORDS_MAX;
		w = strtok_r(NULL, " ", &save))
		argv[n++] = w;
	r = command_run(&command, &out, &err);
	if (r == -ENOENT || r == -ENOMEM || r == -ECANCELED)
		return r;
	if (r < 0) {
		snprintf(path, sizeof(path), "tools/%s/%d", tool, number);
		capture_tree_failed(tree, path, r);
	}
	anonymise(tree->anonymiser, (struct slice){ buffer_text(&out), out.len }, &text);
	if (buffer_error(&text))
		return -ENOMEM;
	failed = r < 0;
	r = add(tree, tool, number, "out", (struct slice){ buffer_text(&text), text.len });
	if (r >= 0)
		r = add(tree, tool, number, "status", failed ? SLICE("1\n") : SLICE("0\n"));
	return r;
}

int capture_tools_run(struct capture_tree *tree, int stop_fd)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		for (int l = 0; l < LINES_MAX && tools[i].lines[l]; l++) {
			int r = run_line(tree, stop_fd, tools[i].name, l, tools[i].lines[l]);

			if (r == -ENOENT)
				break;
			if (r == -ECANCELED)
				return 0;
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* In single quotes for a shell. */
static void quote(const char *text, struct buffer *out)
{
	buffer_putc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buffer_puts(out, "'\\''");
		else
			buffer_putc(out, *text);
	}
	buffer_putc(out, '\'');
}

void capture_tool_script(size_t i, const char *folder, struct buffer *out)
{
	buffer_puts(out, "#!/bin/sh\n# What this program printed when it was captured.\nd=");
	quote(folder, out);
	buffer_puts(out, "\ncase \"$*\" in\n");
	for (int l = 0; l < LINES_MAX && tools[i].lines[l]; l++) {
		quote(tools[i].lines[l], out);
		/* With -lms the program goes on until it is ended. */
		if (str_starts(tools[i].lines[l], "--query-gpu"))
			buffer_printf(out,
				"' -lms '*) while cat \"$d/%d.out\"; do sleep 1; done ;;\n", l);
		else
			buffer_printf(out,
				") cat \"$d/%d.out\"; exit \"$(cat \"$d/%d.status\")\" ;;\n", l, l);
	}
	buffer_puts(out, "*) echo 'not captured' >&2; exit 1 ;;\nesac\n");
}
