// SPDX-License-Identifier: Apache-2.0
/* ceems_tool check web-config */
#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "net/http_server.h"
#include "tool/tool.h"

static const char *why_no_file(const char *path)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return err_name(-errno);
	return S_ISDIR(st.st_mode) ? err_name(-EISDIR) : NULL;
}

int command_check_web_config(struct tool *tool)
{
	const struct strings *files = &tool->opt.positional;
	int status = 0;

	for (size_t i = 0; i < files->n; i++) {
		const char *why = why_no_file(files->v[i]);

		if (why) {
			fprintf(tool->messages, "%s: error: '%s': %s, try --help\n",
				program_invocation_short_name, files->v[i], why);
			return 1;
		}
	}
	for (size_t i = 0; i < files->n; i++) {
		struct err err = { 0 };

		if (http_web_config_check(files->v[i], &err) < 0) {
			fprintf(tool->messages, "%s FAILED: %s\n", files->v[i], err.text);
			status = 1;
		} else {
			fprintf(tool->messages, "%s SUCCESS\n", files->v[i]);
		}
	}
	return status;
}
