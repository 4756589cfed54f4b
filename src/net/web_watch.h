// SPDX-License-Identifier: Apache-2.0
/*
 * The web config file and the TLS files it names, loaded and kept current: each look compares what
 * stat(2) says, and only a change costs reading.
 */
#ifndef CEEMS_NET_WEB_WATCH_H
#define CEEMS_NET_WEB_WATCH_H

#include <stdatomic.h>

#include "basic/log.h"
#include "net/http_tls.h"
#include "net/web_config_file.h"

/* What the files said at one time; counted, immutable. */
struct web_state {
	struct web_config config;
	struct http_tls *tls; /* NULL: plain HTTP */
	bool broken; /* the files can't be used; config is empty then */
	/* Private. */
	atomic_uint refs;
	struct arena arena;
};

struct web_watch;

/* path NULL or "": plain HTTP without authentication, for ever. log may be NULL. */
int web_watch_open(
	const char *path, const struct log *log, struct web_watch **ret_watch, struct err *err);
void web_watch_close(struct web_watch *watch); /* NULL is fine; states may outlive it */

/* The config and the TLS files that it names now, absolute; borrowed until the next look at them.
 */
enum { WEB_WATCH_FILES_MAX = 4 };
size_t web_watch_files(const struct web_watch *watch, const char *ret_paths[WEB_WATCH_FILES_MAX]);

/* As it was at the start. */
bool web_watch_has_tls(const struct web_watch *watch);

/* Never NULL but without memory. Put each back. Any thread. */
struct web_state *web_watch_get(struct web_watch *watch);
void web_state_put(struct web_state *state); /* NULL is fine */

#endif
