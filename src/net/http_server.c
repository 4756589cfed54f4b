// SPDX-License-Identifier: Apache-2.0
#include "net/http_server.h"

#include <errno.h>
#include <gnutls/abstract.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "net/address.h"
#include "net/http_internal.h"
#include "net/http_plain.h"

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
	if (c->body_timeout_ms <= 0)
		c->body_timeout_ms = c->idle_timeout_ms;
}

int http_server_open(
	const struct http_server_config *config, struct http_server **ret_server, struct err *err)
{
	struct http_server *server = calloc(1, sizeof(*server));
	int r;

	if (!server)
		return err_errno(err, -ENOMEM, "HTTP server");
	server->config = *config;
	set_defaults(&server->config);
	http_conns_init(&server->conns, server->config.max_connections);
	r = web_watch_open(config->web_config_file, config->log, &server->web, err);
	if (r >= 0)
		r = http_listen_all(&server->config.listen_addresses, server->config.systemd_socket,
			server->listeners, &server->n_listeners, err);
	if (r < 0) {
		http_server_stop(server, 0);
		return r;
	}
	server->tls = web_watch_has_tls(server->web);
	for (size_t i = 0; i < server->n_listeners; i++)
		server->ports[i] = http_listen_port(server->listeners[i]);
	*ret_server = server;
	return 0;
}

/*
 * Gives the session what the web config says now, in place of what the library gave it: nothing,
 * so that the handshake fails where we have nothing either.
 */
static void set_up_tls(
	struct http_server *server, struct http_conn *conn, struct MHD_Connection *connection)
{
	const union MHD_ConnectionInfo *info = MHD_get_connection_info(
		connection, MHD_CONNECTION_INFO_GNUTLS_SESSION);
	struct web_state *web = web_watch_get(server->web);

	if (web && !web->broken && info && http_tls_attach(web->tls, info->tls_session) >= 0) {
		conn->tls = http_tls_ref(web->tls);
		http_plain_answer(info->tls_session, conn->fd);
	}
	web_state_put(web);
}

static int no_certificate(gnutls_session_t session, const struct gnutls_cert_retr_st *info,
	gnutls_pcert_st **certs, unsigned *n_certs, gnutls_ocsp_data_st **ocsp, unsigned *n_ocsp,
	gnutls_privkey_t *key, unsigned *flags)
{
	return -1;
}

static void on_connection(void *cls, struct MHD_Connection *connection, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct http_server *server = cls;
	struct http_conn *conn = *context;
	const union MHD_ConnectionInfo *info;

	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		if (conn) {
			http_request_free(conn->request);
			http_tls_unref(conn->tls);
			http_conn_close(&server->conns, conn);
		}
		*context = NULL;
		return;
	}
	info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
	conn = http_conn_open(&server->conns, info->connect_fd, server->config.header_timeout_ms);
	*context = conn;
	/* Without memory the first request finds no context and is refused. */
	if (conn && server->tls)
		set_up_tls(server, conn, connection);
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
		MHD_USE_ERROR_LOG | (server->tls ? MHD_USE_TLS : 0);
	const size_t memory = server->config.max_header_bytes + HTTP_CONN_MEMORY_BYTES;
	struct MHD_OptionItem options[] = {
		{ MHD_OPTION_LISTEN_SOCKET, fd, NULL },
		{ MHD_OPTION_CONNECTION_LIMIT, (intptr_t)server->config.max_connections, NULL },
		{ MHD_OPTION_CONNECTION_MEMORY_LIMIT, (intptr_t)memory, NULL },
		{ MHD_OPTION_CONNECTION_TIMEOUT, 0, NULL },
		{ MHD_OPTION_STRICT_FOR_CLIENT, 1, NULL },
		{ MHD_OPTION_UNESCAPE_CALLBACK, (intptr_t)leave_escaped, server },
		{ MHD_OPTION_URI_LOG_CALLBACK, (intptr_t)http_request_on_target, server },
		{ MHD_OPTION_NOTIFY_COMPLETED, (intptr_t)http_request_on_end, server },
		{ MHD_OPTION_NOTIFY_CONNECTION, (intptr_t)on_connection, server },
		{ MHD_OPTION_END, 0, NULL },
		{ MHD_OPTION_END, 0, NULL },
	};

	if (server->tls)
		options[ARRAY_SIZE(options) - 2] = (struct MHD_OptionItem){
			MHD_OPTION_HTTPS_CERT_CALLBACK2, 0, (void *)no_certificate
		};
	/* The logger has to come first. */
	return MHD_start_daemon(flags, 0, NULL, NULL, http_request_on_data, server,
		MHD_OPTION_EXTERNAL_LOGGER, on_library_message, server, MHD_OPTION_ARRAY, options,
		MHD_OPTION_END);
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
		if (server->tls)
			log_info(server->config.log, "TLS is enabled.", LOG_STR("http2", "false"),
				LOG_STR("address", name));
		else
			log_info(server->config.log, "TLS is disabled.", LOG_STR("http2", "false"),
				LOG_STR("address", name));
	}
	return 0;
}

int http_server_serve(struct http_server *server, struct err *err)
{
	sigset_t all, old;
	int r;

	r = http_pool_new(server->config.threads, &server->pool);
	if (r >= 0 && server->config.web_config_file && *server->config.web_config_file)
		r = basic_auth_new(&server->auth);
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

struct strings http_server_files(struct http_server *server)
{
	return (struct strings){ server->files, web_watch_files(server->web, server->files) };
}

bool http_server_authenticates(struct http_server *server)
{
	struct web_state *web = web_watch_get(server->web);
	bool does = web &&
		(web->broken || web->config.users.n ||
			(web->tls && http_tls_authenticates(web->tls)));

	web_state_put(web);
	return does;
}

void http_server_stats(struct http_server *server, struct http_server_stats *ret_stats)
{
	pthread_mutex_lock(&server->conns.lock);
	ret_stats->connections = server->conns.n;
	ret_stats->busy = server->conns.n_busy;
	pthread_mutex_unlock(&server->conns.lock);
	ret_stats->queued = http_pool_waiting(server->pool);
}

bool http_server_is_local(const struct http_server *server)
{
	for (size_t i = 0; i < server->n_listeners; i++) {
		struct sockaddr_storage socket = { 0 };
		socklen_t len = sizeof(socket);
		struct address address;

		if (getsockname(server->listeners[i], (struct sockaddr *)&socket, &len) < 0)
			return false;
		if (socket.ss_family != AF_UNIX &&
			(address_from_socket((struct sockaddr *)&socket, &address) < 0 ||
				!address_is_loopback(&address)))
			return false;
	}
	return true;
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
	/* After these two no connection is suspended, as the library demands. */
	if (server->auth)
		basic_auth_stop(server->auth);
	if (server->pool)
		http_pool_stop(server->pool);
	for (size_t i = 0; i < server->n_listeners; i++) {
		if (server->daemons[i])
			MHD_stop_daemon(server->daemons[i]);
	}
	http_pool_free(server->pool);
	basic_auth_free(server->auth);
	web_watch_close(server->web);
	http_conns_done(&server->conns);
	free(server);
}

int http_web_config_check(const char *path, struct err *err)
{
	struct web_watch *watch = NULL;
	int r = web_watch_open(path, NULL, &watch, err);

	web_watch_close(watch);
	return r;
}
