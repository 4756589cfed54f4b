// SPDX-License-Identifier: Apache-2.0
#include "api/openapi_page.h"

#include "api/api.h"

const char openapi_page_style[] =
	"<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<style>\n"
	"body{font:16px/1.5 sans-serif;max-width:60em;margin:2em auto;padding:0 1em;color:#222}\n"
	"details{border:1px solid #bbb;border-radius:4px;margin:.5em 0;padding:.3em .8em}\n"
	"summary{cursor:pointer}\n"
	"code,pre{font-family:monospace;background:#f3f3f3}\npre{padding:.5em;overflow-x:auto}\n"
	"table{border-collapse:collapse;width:100%;margin:.5em 0}\n"
	"th,td{text-align:left;vertical-align:top;padding:.2em .8em .2em 0;"
	"border-bottom:1px solid #ddd}\n"
	".access{color:#555;font-size:.9em}\n"
	"@media(prefers-color-scheme:dark){body{background:#1c1c1c;color:#ddd}"
	"code,pre{background:#2b2b2b}.access{color:#aaa}a{color:#8bf}td,th{border-color:#444}}\n"
	"</style>";

static const char head[] =
	"<!DOCTYPE html>\n<html lang=\"en\">\n<head><meta charset=\"utf-8\">\n"
	"<title>CEEMS API</title>\n%s</head>\n<body>\n<h1>CEEMS API <small>1.0</small></h1>\n"
	"<p>Usage of compute units (batch jobs, VMs, pods) by users and projects. "
	"As JSON: <a href=\"doc.json\">doc.json</a>.</p>\n";

static void put_escaped(struct buffer *out, const char *text)
{
	for (; *text; text++) {
		switch (*text) {
		case '<':
			buffer_puts(out, "&lt;");
			break;
		case '>':
			buffer_puts(out, "&gt;");
			break;
		case '&':
			buffer_puts(out, "&amp;");
			break;
		case '"':
			buffer_puts(out, "&quot;");
			break;
		default:
			buffer_putc(out, *text);
		}
	}
}

static const char *type_of_param(const struct api_param *param)
{
	switch (param->type) {
	case API_SECONDS:
		return "Unix seconds";
	case API_FLAG:
		return "present or not";
	case API_FIELD:
		return "name of a field";
	case API_TEXT:
		break;
	}
	return "text";
}

static void put_param(struct buffer *out, const struct api_param *param)
{
	buffer_printf(out, "<tr><td><code>%s</code></td><td>%s%s</td><td>", param->name,
		type_of_param(param), param->repeatable ? ", repeatable" : "");
	put_escaped(out, param->help);
	for (size_t i = 0; param->choices && param->choices[i]; i++)
		buffer_printf(out, "%s<code>%s</code>", i ? ", " : " One of: ", param->choices[i]);
	buffer_puts(out, "</td></tr>\n");
}

/* Scheme and host; a path of the URL has no meaning (see openapi.c). */
static void put_server(struct buffer *out, const struct openapi_config *config)
{
	const char *url = config->external_url, *host;
	char text[512];

	if (url && *url) {
		host = strstr(url, "://");
		host = host ? host + 3 : url;
		snprintf(text, sizeof(text), "%s%.*s", host == url ? "http://" : "",
			(int)(host - url + (ptrdiff_t)strcspn(host, "/?#")), url);
	} else {
		snprintf(text, sizeof(text), "http://%s%s",
			config->listen_address[0] == ':' ? "localhost" : "",
			config->listen_address);
	}
	put_escaped(out, text);
}

static void put_example(
	struct buffer *out, const struct openapi_config *config, const struct api_route *route)
{
	buffer_puts(out, "<pre>curl");
	if (route->access != API_OPEN) {
		buffer_puts(out, " -H '");
		put_escaped(out, config->user_header);
		buffer_printf(out, ": %s'", route->access == API_ADMIN ? "ADMIN" : "USER");
	}
	buffer_putc(out, ' ');
	put_server(out, config);
	if (!str_eq(config->route_prefix, "/"))
		put_escaped(out, config->route_prefix);
	buffer_printf(out, API_ROOT "%s</pre>\n", route->path);
}

static void put_route(
	struct buffer *out, const struct openapi_config *config, const struct api_route *route)
{
	static const char *const access[] = {
		[API_OPEN] = "anybody", [API_USER] = "users", [API_ADMIN] = "administrators"
	};
	const struct api_model *model = &api_models[route->model];

	buffer_printf(out, "<details><summary><b>GET</b> <code>%s</code> ", route->path);
	put_escaped(out, route->help);
	/* A link to what lies in it opens it. */
	buffer_printf(out, " <span class=\"access\">(%s)</span></summary>\n<div id=\"%s\">\n",
		access[route->access], route->path + 1);
	if (route->details) {
		buffer_puts(out, "<p>");
		put_escaped(out, route->details);
		buffer_puts(out, "</p>\n");
	}
	if (route->params) {
		buffer_puts(
			out, "<table><tr><th>Parameter</th><th>Type</th><th>Meaning</th></tr>\n");
		for (size_t i = 0; i < N_API_PARAMS; i++) {
			if (route->params >> i & 1)
				put_param(out, &api_params[i]);
		}
		buffer_puts(out, "</table>\n");
	}
	if (model->table)
		buffer_printf(out,
			"<p><code>data</code> is a list of <a href=\"#%s\">%s</a>.</p>\n",
			model->name, model->name);
	put_example(out, config, route);
	buffer_puts(out, "</div></details>\n");
}

static void put_model(struct buffer *out, const struct api_model *model)
{
	buffer_printf(out, "<details><summary><b>%s</b> ", model->name);
	put_escaped(out, model->help);
	buffer_printf(out,
		"</summary>\n<table id=\"%s\"><tr><th>Field</th><th>Type</th><th>Meaning</th></tr>\n",
		model->name);
	for (size_t i = 0; i < model->table->n; i++) {
		const struct store_column *column = &model->table->columns[i];

		buffer_printf(out, "<tr><td><code>%s</code></td><td>%s</td><td>", column->name,
			api_type_of_column(column));
		put_escaped(out, api_field_help(column->name));
		buffer_puts(out, "</td></tr>\n");
	}
	buffer_puts(out, "</table></details>\n");
}

void openapi_write_page(const struct openapi_config *config, struct buffer *out)
{
	buffer_printf(out, head, openapi_page_style);
	buffer_puts(out, "<h2>Routes</h2>\n<p>Below <code>");
	if (!str_eq(config->route_prefix, "/"))
		put_escaped(out, config->route_prefix);
	buffer_puts(out, API_ROOT "</code>. The caller is named by the header <code>");
	put_escaped(out, config->user_header);
	buffer_puts(out, "</code>.</p>\n");
	for (size_t i = 0; i < api_routes_count; i++) {
		if (!(api_routes[i].flags & API_ROOTED))
			put_route(out, config, &api_routes[i]);
	}
	buffer_puts(out, "<h2>Objects</h2>\n");
	for (size_t i = 0; i < N_API_MODELS; i++) {
		if (api_models[i].table)
			put_model(out, &api_models[i]);
	}
	buffer_puts(out, "</body></html>\n");
}
