// SPDX-License-Identifier: Apache-2.0
#include "exporter/meters/ipmi_tool.h"

#include <errno.h>
#include <linux/capability.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/buffer.h"
#include "basic/macros.h"
#include "basic/str.h"
#include "host/command.h"
#include "host/dcmi_text.h"

const capability_set ipmi_tool_capabilities = CAPABILITY(CAP_SETUID) | CAPABILITY(CAP_SETGID);

const char *const ipmi_tool_way_names[] = {
	[IPMI_TOOL_UNKNOWN] = "unknown",
	[IPMI_TOOL_AS_IS] = "as is",
	[IPMI_TOOL_BY_SUDO] = "sudo",
	[IPMI_TOOL_AS_ROOT] = "as root",
};

const char *const ipmi_tool_further_dirs[] = { "/sbin", "/usr/sbin", "/usr/local/sbin", NULL };

/* The order is that of the reference. */
static const struct {
	const char *name, *arguments;
} tools[] = {
	{ "ipmi-dcmi", "--get-system-power-statistics" },
	{ "ipmitool", "dcmi power reading" },
	{ "ipmiutil", "dcmi power" },
	{ "capmc", "get_system_power -w 600" },
};

static const char *base_name(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

int ipmi_tool_split(const char *command_line, struct ipmi_tool *ret_tool, struct err *err)
{
	struct ipmi_tool *tool = ret_tool;
	size_t n = 0;
	char *save = NULL;

	*tool = (struct ipmi_tool){ .argv = { "sudo" } };
	if (strlen(command_line) >= sizeof(tool->text))
		return err_set(
			err, -E2BIG, "a command has at most %zu bytes", sizeof(tool->text) - 1);
	strcpy(tool->text, command_line);
	for (char *word = strtok_r(tool->text, " ", &save); word;
		word = strtok_r(NULL, " ", &save)) {
		if (n == IPMI_TOOL_WORDS_MAX)
			return err_set(err, -EINVAL, "a command has at most %d words",
				IPMI_TOOL_WORDS_MAX);
		tool->argv[1 + n++] = word;
	}
	return n ? 0 : err_set(err, -EINVAL, "the command has no word");
}

static bool is_program(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

/* A blank would cut the path in two. */
static bool try_dir(struct slice dir, size_t i, struct ipmi_tool *tool, struct err *err)
{
	char line[IPMI_TOOL_TEXT_MAX_BYTES];
	int n;

	if (dir.n == 0 || dir.p[0] != '/' || memchr(dir.p, ' ', dir.n))
		return false;
	n = snprintf(
		line, sizeof(line), "%.*s/%s", (int)MIN(dir.n, sizeof(line)), dir.p, tools[i].name);
	if (n >= (int)sizeof(line) - (int)strlen(tools[i].arguments) - 1 || !is_program(line))
		return false;
	snprintf(line + n, sizeof(line) - (size_t)n, " %s", tools[i].arguments);
	return ipmi_tool_split(line, tool, err) >= 0;
}

int ipmi_tool_find(
	const char *path, const char *const *further, struct ipmi_tool *ret_tool, struct err *err)
{
	for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
		struct slice rest = slice_from(path), dir;

		while (slice_next(&rest, ':', &dir))
			if (try_dir(dir, i, ret_tool, err))
				return 0;
		for (const char *const *more = further; *more; more++)
			if (try_dir(slice_from(*more), i, ret_tool, err))
				return 0;
	}
	return err_set(
		err, -ENOENT, "none of ipmi-dcmi, ipmitool, ipmiutil and capmc is installed");
}

static bool starts_with_sudo(const struct ipmi_tool *tool)
{
	return str_eq(base_name(tool->argv[1]), "sudo");
}

/* Behind sudo, if that is written out, comes the program. */
static bool is_capmc(const struct ipmi_tool *tool)
{
	const char *const *word = tool->argv + 1;

	if (starts_with_sudo(tool))
		do {
			word++;
		} while (*word && (*word)[0] == '-');
	return *word && str_eq(base_name(*word), "capmc");
}

static int run(const struct ipmi_tool *tool, enum ipmi_tool_way way, int cancel_fd,
	struct buffer *out, struct err *err)
{
	const bool by_sudo = way == IPMI_TOOL_BY_SUDO;
	const struct command command = {
		.argv = by_sudo ? tool->argv : tool->argv + 1,
		.timeout_ms = by_sudo ? IPMI_TOOL_SUDO_TIMEOUT_MS : IPMI_TOOL_TIMEOUT_MS,
		.max_output_bytes = DCMI_TEXT_MAX_BYTES,
		.merge_stderr = true,
		.new_session = by_sudo,
		.as_root = (way == IPMI_TOOL_AS_ROOT || tool->root_start) && geteuid() != 0,
		.cancel_fd = cancel_fd,
	};
	capability_set raised = command.as_root ? privilege_raise(ipmi_tool_capabilities) : 0;
	int r = command_run(&command, out, err);

	privilege_lower(raised);
	return r;
}

static int try_way(struct ipmi_tool *tool, enum ipmi_tool_way way, int cancel_fd, struct err *err)
{
	CLEANUP(buffer_done) struct buffer out;
	int r;

	buffer_init(&out, 0);
	r = run(tool, way, cancel_fd, &out, err);
	if (r >= 0)
		tool->way = way;
	return r;
}

int ipmi_tool_probe(struct ipmi_tool *tool, bool try_sudo, int cancel_fd, struct err *err)
{
	int first = try_way(tool, IPMI_TOOL_AS_IS, cancel_fd, err), r = first;

	if (r < 0 && r != -ECANCELED && try_sudo && !starts_with_sudo(tool))
		r = try_way(tool, IPMI_TOOL_BY_SUDO, cancel_fd, NULL);
	/* To root 'as is' was just that. */
	if (r < 0 && r != -ECANCELED && !tool->root_start)
		r = try_way(tool, IPMI_TOOL_AS_ROOT, cancel_fd, NULL);
	return r < 0 ? first : 0;
}

int ipmi_tool_read(
	const struct ipmi_tool *tool, int cancel_fd, struct dcmi_power *ret_power, struct err *err)
{
	CLEANUP(buffer_done) struct buffer out;
	struct slice text;
	int r;

	buffer_init(&out, 0);
	r = run(tool, tool->way, cancel_fd, &out, err);
	if (r < 0)
		return r;
	text = (struct slice){ buffer_text(&out), out.len };
	r = is_capmc(tool) ? dcmi_text_parse_capmc(text, ret_power, err)
			   : dcmi_text_parse(text, ret_power, err);
	return r < 0 ? err_prefix(err, r, "'%s'", tool->argv[1]) : 0;
}
