// SPDX-License-Identifier: Apache-2.0
/*
 * Prints the reference pages of the load balancer from its tables: 'flags' or 'config'. Not
 * installed; a test compares what it prints with docs/.
 */
#include <stdio.h>

#include "basic/str.h"
#include "format/config_reference.h"
#include "lb/config.h"
#include "lb/flags.h"

static const struct config_reference http_keys = {
	.elsewhere = &http_client_config_inline,
	.where = "[Keys of HTTP clients](#keys-of-http-clients).",
};

static int print_config(void)
{
	puts("# Configuration of ceems_lb\n\n"
	     "Made from the tables in `src/lb/`. How the keys work together: "
	     "[load-balancer.md](load-balancer.md). Unknown\nkeys are ignored, because other programs read "
	     "the same file. Durations are written as `1d12h`, `90s`,\n`250ms`.");
	config_print_section("Section ceems_lb", &lb_config_table, "ceems_lb.", &http_keys, stdout);
	puts("\n## Sections of the API server\n\n"
	     "`ceems_api_server` and `clusters` are checked as the API server does, and of them these "
	     "have an effect here:\n\n"
	     "| key | default | meaning |\n| --- | --- | --- |\n"
	     "| `ceems_api_server.data` | | If it is there, access is checked. |\n"
	     "| `ceems_api_server.data.path` | `data` | Directory of the API server's database "
	     "`ceems.db`, which says who owns what. |\n"
	     "| `ceems_api_server.web.url` | | Address of the API server, which is asked if there is "
	     "no database at the start. |\n"
	     "| `ceems_api_server.web.…` | | [Keys of HTTP clients](#keys-of-http-clients): how to log "
	     "in there. |\n"
	     "| `clusters[].id` | | If there are ids, each of `ceems_lb.backends[].id` must be one of "
	     "them. |");
	config_print_section(
		"Keys of HTTP clients", &http_client_config_table, "", &http_keys, stdout);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 2 && str_eq(argv[1], "config"))
		return print_config();
	if (argc == 2 && str_eq(argv[1], "flags")) {
		lb_flags_print_reference(stdout);
		return 0;
	}
	fputs("usage: lb_reference flags|config\n", stderr);
	return 2;
}
