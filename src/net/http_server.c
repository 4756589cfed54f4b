// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/http_internal.h"

enum { LISTEN_NAME_MAX = 160, LIBRARY_MESSAGE_MAX = 512 };

static void set_defaults(struct http_server_config *c)
{
	c->threads = MAX(c->threads, 1U);
	if (!c->max_connections)
		c->max_connections = HTTP_CONNECTIONS_DEFAULT;
	if (!c->max_header_bytes)
		c->max_header_bytes = HTTP_HEAD_DEFAULT_BYTES;
	if (!c->max_response_bytes)
		c->max_response_bytes = HTTP_RESPONSE_DEFAULT_BYTES;
	if (c->header_timeout_ms <= 0)
		c->header_timeout_ms = HTTP_HEADER_TIMEOUT_DEFAULT_MS;
	if (c->idle_timeout_ms <= 0)
		c->idle_timeout_ms = HTTP_IDLE_TIMEOUT_DEFAULT_MS;
}

static int listen_all(struct http_server *server, struct err *err)
{
	const struct strings *addresses = &server->config.listen_addresses;

	if (server->config.systemd_socket) {
		int n = http_listen_systemd(server->listeners, err);

		server->n_listeners = n < 0 ? 0 : (size_t)n;
		return MIN(n, 0);
	}
	if (!addresses->n)
		return err_set(err, -EINVAL, "no address to listen on");
	if (addresses->n > HTTP_LISTENERS_MAX)
		return err_set(
			err, -E2BIG, "more than %d addresses to listen on", HTTP_LISTENERS_MAX);
	for (size_t i = 0; i < addresses->n; i++) {
		int fd = http_listen(addresses->v[i], err);

		if (fd < 0)
			return fd;
		server->listeners[server->n_listeners++] = fd;
	}
	return 0;
}

int http_server_open(
	const struct http_server_config *config, struct http_server **ret_server, struct err *err)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_errno(err, -ENOMEM, "HTTP server");
	if (config->web_config_file && *config->web_config_file) {
		free(server);
		return err_set(err, -EOPNOTSUPP, "web config files come with the next change");
	}
	server->config = *config;
	set_defaults(&server->config);
	http_conns_init(&server->conns, server->config.max_connections);
	r = listen_all(server, err);
	if (r < 0) {
		http_server_stop(server, 0);
		return r;
	}
	for (size_t i = 0; i < server->n_listeners; i++)
		server->ports[i] = http_listen_port(server->listeners[i]);
	*ret_server = server;
	return 0;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = cls;
	const union MHD_ConnectionInfo *info;
	struct http_conn *conn = *context;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (conn) {
			http_request_free(conn->request);
			http_conn_close(&server->conns, conn);
		}
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	*context = http_conn_open(
		&server->conns, info->connect_fd, server->config.header_timeout_ms);
	/* Without memory the first request finds no context and is refused. */
}

static void on_library_message(void *cls, const char *format, va_list args)
{
	struct http_server *server = cls;
	char text[LIBRARY_MESSAGE_MAX];

	if (!server->config.log)
		return;
	vsnprintf(text, sizeof(text), format, args);
	text[strcspn(text, "\r\n")] = '\0';
	log_debug(server->config.log, "HTTP library", LOG_STR("message", text));
}

/* The library unescapes paths and parameters in place; ours are decoded from the raw target. */
static size_t leave_escaped(void *cls, struct MHD_Connection *connection, char *text)
{
	return strlen(text);
}

static struct MHD_Daemon *start_daemon(struct http_server *server, int fd)
{
	const unsigned flags = MHD_USE_EPOLL_INTERNAL_THREAD | MHD_ALLOW_SUSPEND_RESUME |
		MHD_USE_ERROR_LOG;
	/* The library keeps parsed names and the answer's head in the same memory. */
	const size_t memory = 8 * server->config.max_header_bytes + (32 << 10);

	return MHD_start_daemon(flags, 0, NULL, NULL, http_request_on_data, server,
		MHD_OPTION_EXTERNAL_LOGGER, on_library_message, server, MHD_OPTION_LISTEN_SOCKET,
		fd, MHD_OPTION_CONNECTION_LIMIT, server->config.max_connections,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, memory, MHD_OPTION_CONNECTION_TIMEOUT, 0U,
		MHD_OPTION_STRICT_FOR_CLIENT, 1, MHD_OPTION_UNESCAPE_CALLBACK, leave_escaped,
		server, MHD_OPTION_URI_LOG_CALLBACK, http_request_on_target, server,
		MHD_OPTION_NOTIFY_COMPLETED, http_request_on_end, server,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_END);
}

static int start_daemons(struct http_server *server, struct err *err)
{
	char name[LISTEN_NAME_MAX];

	for (size_t i = 0; i < server->n_listeners; i++) {
		http_listen_name(server->listeners[i], name, sizeof(name));
		server->daemons[i] = start_daemon(server, server->listeners[i]);
		if (!server->daemons[i])
			return err_set(
				err, -EIO, "serving '%s': the HTTP library did not start", name);
		log_info(server->config.log, "Listening on", LOG_STR("address", name));
	}
	return 0;
}

int http_server_serve(struct http_server *server, struct err *err)
{
	sigset_t all, old;
	int r;

	r = http_pool_new(server->config.threads, &server->pool);
	if (r >= 0)
		r = http_conns_start(&server->conns);
	if (r < 0)
		return err_errno(err, r, "starting HTTP workers");
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	r = start_daemons(server, err);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return r;
}

int http_server_port(const struct http_server *server, size_t i)
{
	return i < server->n_listeners ? server->ports[i] : -EINVAL;
}

void http_server_stop(struct http_server *server, int64_t grace_ms)
{
	if (!server)
		return;
	atomic_store(&server->stopping, true);
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (server->daemons[i])
			(void)MHD_quiesce_daemon(server->daemons[i]);
		close(server->listeners[i]);
	}
	http_conns_drain(&server->conns, grace_ms);
	atomic_store(&server->cutting, true);
	http_conns_cut(&server->conns);
	/* After this no connection is suspended, as the library demands. */
	if (server->pool)
		http_pool_stop(server->pool);
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (server->daemons[i])
			MHD_stop_daemon(server->daemons[i]);
	}
	http_pool_free(server->pool);
	http_conns_done(&server->conns);
	free(server);
}
