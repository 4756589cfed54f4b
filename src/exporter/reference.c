// SPDX-License-Identifier: Apache-2.0
/*
 * Prints the reference pages of the exporter from its tables: 'flags', 'metrics' or
 * 'redfish-config'. Not installed; a test compares what it prints with docs/.
 */
#include <stdio.h>

#include "basic/str.h"
#include "exporter/accounts.h"
#include "exporter/exporter.h"
#include "exporter/flags.h"
#include "exporter/scrape_metrics.h"
#include "exporter/self_metrics.h"
#include "exporter/units/rdma_stats.h"
#include "format/config_reference.h"
#include "remote/redfish_config.h"

/* Angle brackets stand for a part of a name and would be HTML. */
static void print_text(const char *text)
{
	for (; *text; text++) {
		if (*text == '<')
			fputs("&lt;", stdout);
		else if (*text == '|')
			fputs("\\|", stdout);
		else
			putchar(*text);
	}
}

static void print_metric(const struct metric *m)
{
	printf("| `%s` | %s |", m->name, m->type == METRIC_COUNTER ? "counter" : "gauge");
	for (size_t i = 0; i < METRIC_LABELS_MAX && m->labels[i]; i++)
		printf("%s`%s`", i ? ", " : " ", m->labels[i]);
	fputs(" | ", stdout);
	print_text(m->help);
	puts(" |");
}

static void print_heading(const char *title, const char *note)
{
	printf("\n## %s\n\n%s\n\n| metric | type | labels | meaning |\n| --- | --- | --- | --- |\n",
		title, note);
}

static void print_collector(const struct collector *c)
{
	char title[128], note[512];

	snprintf(title, sizeof(title), "Collector %s", c->name);
	snprintf(note, sizeof(note), "`--collector.%s`, %s: %s.", c->name,
		c->default_on ? "on by default" : "off by default", c->help);
	print_heading(title, note);
	for (size_t i = 0; i < c->n_metrics; i++)
		print_metric(&c->metrics[i]);
}

static int print_metrics(void)
{
	puts("# Metrics of ceems_exporter\n\n"
	     "Made from the tables in `src/exporter/`. A part of a name in angle brackets is filled in "
	     "from what is\nfound on the node.");
	for (size_t i = 0; i < n_collectors; i++)
		print_collector(collectors[i]);
	print_heading("RDMA",
		"With `--collector.rdma.stats`, for each of `slurm`, `k8s` and `libvirt` that is on.");
	for (size_t i = 0; i < n_rdma_metrics; i++)
		print_metric(&rdma_metrics[i]);
	print_heading("Every scrape", "One series for each collector that is on.");
	for (size_t i = 0; i < n_scrape_metrics; i++)
		print_metric(scrape_metrics[i]);
	print_heading(
		"Cost of the exporter's parts", "Left out with `--web.disable-exporter-metrics`.");
	for (size_t i = 0; i < n_accounts_metrics; i++)
		print_metric(accounts_metrics[i]);
	print_heading("The exporter itself",
		"`promhttp_*` and `process_*` are left out with `--web.disable-exporter-metrics`.");
	for (size_t i = 0; i < n_self_metrics; i++)
		print_metric(self_metrics[i]);
	return 0;
}

static int print_redfish_config(void)
{
	puts("# Configuration file of the redfish collector\n\n"
	     "Made from the table in `src/remote/redfish_config.c`. How it is used: "
	     "[exporter.md](exporter.md#power-from-the-bmc-redfish).\nThe keys stand below "
	     "`redfish_collector` (or `redfish_web_config`, which is deprecated). Unknown keys are "
	     "ignored,\na key that comes twice is an error. Relative paths count from the working "
	     "directory.");
	config_print_section("All keys", &redfish_config_table, "", NULL, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && str_eq(argv[1], "redfish-config"))
		return print_redfish_config();
	if (argc == 2 && str_eq(argv[1], "metrics"))
		return print_metrics();
	if (argc == 2 && str_eq(argv[1], "flags"))
		return exporter_flags_print_reference(stdout) < 0;
	fputs("usage: exporter_reference flags|metrics|redfish-config\n", stderr);
	return 2;
}
