// SPDX-License-Identifier: Apache-2.0
/* What the commands of ceems_tool get from main.c: their options and where to speak. */
#ifndef CEEMS_TOOL_TOOL_H
#define CEEMS_TOOL_TOOL_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "basic/options.h"
#include "tool/web/web_config.h"

/* Of every command that asks a server. */
struct server_options {
	const char *http_config_file; /* "" = none */
	const char *url;
};

/* Of every tsdb command. */
struct tsdb_options {
	struct server_options server;
	const char *start, *end; /* "" = three hours ago, now */
	const char *output; /* of commands that print a document; "" = stderr, "-" = stdout */
};

struct rules_options {
	double pue;
	double emission_factor; /* g/kWh; 0 = not set */
	const char *country_code;
	int64_t eval_interval_ns; /* 0 = the TSDB's */
	const char *output_dir;
	bool disable_providers;
};

enum { CAPTURE_MAX_SIZE_MIB = 512 };
struct capture_options {
	const char *procfs, *sysfs, *cgroupfs, *output;
	int64_t duration_ns, interval_ns, max_size_mib;
	bool tools, emissions;
	const char *redfish_config_file; /* "" = none */
	const char *xml_dir; /* "" = where libvirt has them */
	const char *gres_config_file;
	const char *ipmi_device; /* "" = the kernel's */
	const char *kubeconfig, *kubelet_socket;
};

struct replay_options {
	double speed; /* 0: the first state only */
};

struct tool {
	FILE *out, *messages; /* stdout and stderr of the process */
	struct options opt;
	struct server_options api, lb;
	struct tsdb_options tsdb;
	struct rules_options rules;
	struct web_config_options web_config;
	struct capture_options capture;
	struct replay_options replay;
};

/* A line in the style of parse errors; returns the exit status 1. */
int tool_fatal(struct tool *tool, const char *text);
/* 'what: why'; returns 1. */
int tool_failed(struct tool *tool, const char *what, const struct err *err);

/* All return the exit status. */
int command_capture(struct tool *tool);
int command_check_api(struct tool *tool);
int command_check_lb(struct tool *tool);
int command_check_web_config(struct tool *tool);
int command_create_web_config(struct tool *tool);
int command_create_recording_rules(struct tool *tool);
int command_create_relabel_configs(struct tool *tool);
int command_create_updater_queries(struct tool *tool);
int command_replay(struct tool *tool);

#endif
