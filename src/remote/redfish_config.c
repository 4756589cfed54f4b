// SPDX-License-Identifier: Apache-2.0
#include "remote/redfish_config.h"

#include <errno.h>
#include <string.h>

#include "basic/str.h"
#include "net/url.h"

enum { DEFAULT_TIMEOUT_MS = 5000, TIMEOUT_MAX_MS = 10 * 60 * 1000, PORT_MAX = 65535 };

#define KEY(name_, type_, field, ...)                                                             \
	{                                                                                         \
		.name = name_, .type = type_, .offset = offsetof(struct redfish_settings, field), \
		__VA_ARGS__                                                                       \
	}
static const struct config_key keys[] = {
	KEY("protocol", CONFIG_STRING, protocol,
		.help = "How the BMC is talked to: http or https. "
			"Needed."),
	KEY("hostname", CONFIG_STRING, hostname,
		.help = "Name or address of the BMC; `{hostname}` in it stands for the host name of "
			"the node. Without it the address is asked for by IPMI."),
	KEY("port", CONFIG_INT, port, .help = "Port of the BMC. Needed."),
	KEY("username", CONFIG_STRING, username,
		.help = "User of the BMC; none = no login. `REDFISH_WEB_USERNAME` goes first."),
	KEY("password", CONFIG_STRING, password,
		.help = "Its password. `REDFISH_WEB_PASSWORD` goes first.", .flags = CONFIG_SECRET),
	KEY("use_session_token", CONFIG_BOOL, use_session_token, .fallback = "true",
		.help = "Log in once, and out at the end; false = HTTP basic with each request."),
	KEY("timeout", CONFIG_INT, timeout_ms, .fallback = "5000",
		.help = "Limit of each request, in milliseconds."),
	KEY("external_url", CONFIG_STRING, external_url,
		.help = "Where all requests go instead, for instance a redfish_proxy, which learns "
			"the BMC's address from the header `X-Redfish-Url`."),
	KEY("insecure_skip_verify", CONFIG_BOOL, insecure_skip_verify,
		.help = "Deprecated: true replaces all of tls_config by its "
			"insecure_skip_verify."),
	{ .type = CONFIG_INLINE,
		.offset = offsetof(struct redfish_settings, http),
		.table = &http_client_config_inline },
};
#undef KEY
const struct config_table redfish_config_table = {
	.size = sizeof(struct redfish_settings),
	.keys = keys,
	.n_keys = ARRAY_SIZE(keys),
	.tolerant = true,
};

/* Of the file only one of two sections counts, so what is wrong in the other is no error. */
struct sections {
	const struct config_node *current, *deprecated;
};
static const struct config_key section_keys[] = {
	{ .name = "redfish_collector",
		.type = CONFIG_NODE,
		.offset = offsetof(struct sections, current) },
	{ .name = "redfish_web_config",
		.type = CONFIG_NODE,
		.offset = offsetof(struct sections, deprecated) },
};
static const struct config_table sections_table = {
	.size = sizeof(struct sections),
	.keys = section_keys,
	.n_keys = ARRAY_SIZE(section_keys),
};

static bool given(const char *text)
{
	return text && *text;
}

static bool is_there(const struct config_node *section)
{
	return section && !section->is_null;
}

static int load_section(const char *path, bool expand_env, struct arena *arena,
	struct redfish_settings *settings, struct err *err)
{
	struct sections sections = { 0 };
	const struct config_node *section;
	int r = config_load(path, expand_env, &sections_table, &sections, arena, err);

	if (r < 0)
		return r;
	section = is_there(sections.current) ? sections.current : sections.deprecated;
	if (!is_there(section))
		return err_set(err, -EINVAL,
			"%s: the section 'redfish_collector' is missing or empty", path);
	r = config_decode(section, path, &redfish_config_table, settings, arena, err);
	settings->deprecated_section = section == sections.deprecated;
	return r;
}

static int replace_hostname(const char *text, const char *hostname, struct arena *arena,
	const char **ret_text, struct err *err)
{
	static const char placeholder[] = "{hostname}";
	CLEANUP(buffer_done) struct buffer out;
	const char *next;

	buffer_init(&out, REDFISH_HOST_MAX_BYTES - 1);
	while ((next = strstr(text, placeholder))) {
		buffer_append(&out, text, (size_t)(next - text));
		buffer_puts(&out, hostname);
		text = next + strlen(placeholder);
	}
	buffer_puts(&out, text);
	if (buffer_error(&out) == -E2BIG)
		return err_set(err, -EINVAL, "'hostname' is too long");
	*ret_text = buffer_error(&out) ? NULL : arena_strdup(arena, buffer_text(&out));
	return *ret_text ? 0 : err_errno(err, -ENOMEM, "'hostname'");
}

/* Nothing that would end the host's part of a URL. */
static int check_host(const char *host, struct err *err)
{
	for (const char *p = host; *p; p++)
		if (*p <= ' ' || *p == 0x7f || strchr("/?#@\\\"<>^`|", *p))
			return err_set(err, -EINVAL, "'%s' is no host name", host);
	return 0;
}

static int find_host(struct redfish_settings *settings,
	const struct redfish_surroundings *surroundings, struct arena *arena, struct err *err)
{
	char found[REDFISH_HOST_MAX_BYTES];
	int r = 0;

	if (given(settings->hostname))
		r = replace_hostname(settings->hostname, surroundings->hostname, arena,
			&settings->hostname, err);
	if (r >= 0 && !given(settings->hostname)) {
		if (!surroundings->find_bmc)
			return err_set(err, -EINVAL, "there is no 'hostname'");
		r = surroundings->find_bmc(surroundings->ctx, found, err);
		if (r < 0)
			return err_prefix(err, r,
				"there is no 'hostname', and the BMC's address can't be found");
		settings->hostname = arena_strdup(arena, found);
		if (!settings->hostname)
			return err_errno(err, -ENOMEM, "'hostname'");
	}
	return r < 0 ? r : check_host(settings->hostname, err);
}

static int make_urls(struct redfish_settings *settings, struct arena *arena, struct err *err)
{
	CLEANUP(buffer_done) struct buffer checked = { 0 };
	const char *host = settings->hostname;
	const bool bare_v6 = strchr(host, ':') && host[0] != '[';
	int r;

	settings->service_url = arena_printf(arena, bare_v6 ? "%s://[%s]:%lld" : "%s://%s:%lld",
		settings->protocol, host, (long long)settings->port);
	if (!settings->service_url)
		return err_errno(err, -ENOMEM, "the BMC's URL");
	settings->url = settings->service_url;
	if (!given(settings->external_url))
		return 0;
	r = url_join(settings->external_url, "redfish/v1/", &checked);
	if (r == -EINVAL)
		return err_set(err, r, "'external_url' is no http or https URL");
	if (r < 0)
		return err_errno(err, r, "'external_url'");
	settings->url = settings->external_url;
	return 0;
}

static int settle(struct redfish_settings *settings,
	const struct redfish_surroundings *surroundings, struct arena *arena, struct err *err)
{
	int r;

	if (!given(settings->protocol) ||
		(!str_eq(settings->protocol, "http") && !str_eq(settings->protocol, "https")))
		return err_set(err, -EINVAL, "'protocol' must be http or https");
	if (settings->port < 1 || settings->port > PORT_MAX)
		return err_set(err, -EINVAL, "'port' must be between 1 and %d", PORT_MAX);
	if (settings->timeout_ms <= 0)
		settings->timeout_ms = DEFAULT_TIMEOUT_MS;
	settings->timeout_ms = MIN(settings->timeout_ms, TIMEOUT_MAX_MS);
	if (settings->insecure_skip_verify)
		settings->http.tls = (struct http_client_tls){ .insecure_skip_verify = true };
	settings->username = given(surroundings->username) ? surroundings->username
							   : settings->username;
	settings->password = given(surroundings->password) ? surroundings->password
							   : settings->password;
	settings->username = settings->username ? settings->username : "";
	settings->password = settings->password ? settings->password : "";
	r = find_host(settings, surroundings, arena, err);
	return r < 0 ? r : make_urls(settings, arena, err);
}

int redfish_config_load(const char *path, bool expand_env,
	const struct redfish_surroundings *surroundings, struct arena *arena,
	struct redfish_settings *ret_settings, struct err *err)
{
	struct redfish_settings settings = { 0 };
	int r = load_section(path, expand_env, arena, &settings, err);

	if (r < 0)
		return r;
	r = settle(&settings, surroundings, arena, err);
	if (r < 0)
		return err_prefix(err, r, "%s", path);
	*ret_settings = settings;
	return 0;
}

static void add_file(const char *file, const char **files, size_t *n)
{
	if (given(file) && *n < REDFISH_CONFIG_FILES_MAX - 1)
		files[(*n)++] = file;
}

static void add_tls_files(const struct http_client_tls *tls, const char **files, size_t *n)
{
	add_file(tls->ca_file, files, n);
	add_file(tls->cert_file, files, n);
	add_file(tls->key_file, files, n);
}

void redfish_config_files(const struct redfish_settings *settings,
	const char *ret_files[static REDFISH_CONFIG_FILES_MAX])
{
	const struct http_client_config *http = &settings->http;
	const struct http_client_header *headers = http->http_headers.v;
	size_t n = 0;

	add_tls_files(&http->tls, ret_files, &n);
	add_file(http->basic_auth.username_file, ret_files, &n);
	add_file(http->basic_auth.password_file, ret_files, &n);
	add_file(http->authorization.credentials_file, ret_files, &n);
	add_file(http->bearer_token_file, ret_files, &n);
	add_file(http->oauth2.client_secret_file, ret_files, &n);
	add_tls_files(&http->oauth2.tls, ret_files, &n);
	for (size_t i = 0; i < http->http_headers.n; i++)
		for (size_t k = 0; k < headers[i].files.n; k++)
			add_file(headers[i].files.v[k], ret_files, &n);
	ret_files[n] = NULL;
}
