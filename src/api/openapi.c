// SPDX-License-Identifier: Apache-2.0
#include "api/openapi.h"

#include "api/api.h"
#include "format/json_writer.h"

static void put(struct json_writer *w, const char *key, const char *value)
{
	json_writer_key(w, key);
	json_writer_string(w, value);
}

static void put_type(struct json_writer *w, const char *type)
{
	put(w, "type", type);
}

static void put_reference(struct json_writer *w, const char *model, const char *suffix)
{
	char text[64];

	snprintf(text, sizeof(text), "#/definitions/%s%s", model, suffix);
	put(w, "$ref", text);
}

static void put_host(struct json_writer *w, const struct openapi_config *config)
{
	const char *url = config->external_url, *host, *scheme_end;
	char text[512];

	json_writer_key(w, "schemes");
	json_writer_open_array(w);
	if (url && *url) {
		scheme_end = strstr(url, "://");
		host = scheme_end ? scheme_end + 3 : url;
		if (scheme_end)
			json_writer_string_n(w, url, (size_t)(scheme_end - url));
		else
			json_writer_string(w, "http");
		snprintf(text, sizeof(text), "%.*s", (int)strcspn(host, "/?#"), host);
	} else {
		json_writer_string(w, "http");
		json_writer_string(w, "https");
		snprintf(text, sizeof(text), "%s%s",
			config->listen_address[0] == ':' ? "localhost" : "",
			config->listen_address);
	}
	json_writer_close_array(w);
	put(w, "host", text);
	snprintf(text, sizeof(text), "%s" API_ROOT,
		str_eq(config->route_prefix, "/") ? "" : config->route_prefix);
	put(w, "basePath", text);
}

static void put_enum(
	struct json_writer *w, const struct api_param *param, const struct api_route *route)
{
	const struct store_table *table = api_models[route->model].table;

	if (!param->choices && param->type != API_FIELD)
		return;
	json_writer_key(w, "enum");
	json_writer_open_array(w);
	for (size_t i = 0; param->choices && param->choices[i]; i++)
		json_writer_string(w, param->choices[i]);
	for (size_t i = 0; param->type == API_FIELD && i < table->n; i++)
		json_writer_string(w, table->columns[i].name);
	json_writer_close_array(w);
}

static void put_param_type(
	struct json_writer *w, const struct api_param *param, const struct api_route *route)
{
	if (param->repeatable) {
		put_type(w, "array");
		put(w, "collectionFormat", "multi");
		json_writer_key(w, "items");
		json_writer_open_object(w);
	}
	put_type(w,
		param->type == API_SECONDS        ? "integer"
			: param->type == API_FLAG ? "boolean"
						  : "string");
	if (param->type == API_SECONDS)
		put(w, "format", "int64");
	put_enum(w, param, route);
	if (param->repeatable)
		json_writer_close_object(w);
	if (param->type == API_FLAG) {
		json_writer_key(w, "allowEmptyValue");
		json_writer_bool(w, true);
	}
}

static void put_param(
	struct json_writer *w, const struct api_param *param, const struct api_route *route)
{
	json_writer_open_object(w);
	put(w, "name", param->name);
	put(w, "in", "query");
	put(w, "description", param->help);
	json_writer_key(w, "required");
	json_writer_bool(w, false);
	put_param_type(w, param, route);
	json_writer_close_object(w);
}

static void put_params(
	struct json_writer *w, const struct openapi_config *config, const struct api_route *route)
{
	json_writer_key(w, "parameters");
	json_writer_open_array(w);
	if (route->access != API_OPEN) {
		json_writer_open_object(w);
		put(w, "name", config->user_header);
		put(w, "in", "header");
		put(w, "description", "Who asks.");
		json_writer_key(w, "required");
		json_writer_bool(w, true);
		put_type(w, "string");
		json_writer_close_object(w);
	}
	for (size_t i = 0; i < N_API_PARAMS; i++) {
		if (route->params >> i & 1)
			put_param(w, &api_params[i], route);
	}
	json_writer_close_array(w);
}

static void put_response(
	struct json_writer *w, const char *status, const char *help, const char *model)
{
	json_writer_key(w, status);
	json_writer_open_object(w);
	put(w, "description", help);
	json_writer_key(w, "schema");
	json_writer_open_object(w);
	put_reference(w, model, "Response");
	json_writer_close_object(w);
	json_writer_close_object(w);
}

/* What generators of clients call it: the path with '_' for '/'. */
static void put_operation(struct json_writer *w, const char *path)
{
	char name[64];

	snprintf(name, sizeof(name), "%s", path);
	for (char *p = name; *p; p++) {
		if (*p == '/')
			*p = '_';
	}
	put(w, "operationId", name);
}

static void put_route(
	struct json_writer *w, const struct openapi_config *config, const struct api_route *route)
{
	json_writer_key(w, route->path);
	json_writer_open_object(w);
	json_writer_key(w, "get");
	json_writer_open_object(w);
	json_writer_key(w, "tags");
	json_writer_open_array(w);
	json_writer_string_n(w, route->path + 1, strcspn(route->path + 1, "/"));
	json_writer_close_array(w);
	put_operation(w, route->path + 1);
	put(w, "summary", route->help);
	if (route->details)
		put(w, "description", route->details);
	json_writer_key(w, "produces");
	json_writer_open_array(w);
	json_writer_string(w, "application/json");
	json_writer_close_array(w);
	put_params(w, config, route);
	json_writer_key(w, "responses");
	json_writer_open_object(w);
	put_response(w, "200", "The answer.", api_models[route->model].name);
	if (route->params)
		put_response(w, "400", "A parameter is wrong.", "None");
	if (route->access != API_OPEN)
		put_response(w, "401", "Nobody is named, or not by whom is believed.", "None");
	if (route->access == API_ADMIN || route->handler == api_verify_units)
		put_response(w, "403", "This is not the caller's to see.", "None");
	if (route->access != API_OPEN) {
		put_response(w, "500", "Something failed in the server.", "None");
		put_response(w, "503", "The database does not answer.", "None");
	}
	json_writer_close_object(w);
	json_writer_close_object(w);
	json_writer_close_object(w);
}

static void put_column_type(struct json_writer *w, enum store_column_type type)
{
	switch (type) {
	case STORE_TEXT:
		put_type(w, "string");
		return;
	case STORE_INT:
		put_type(w, "integer");
		put(w, "format", "int64");
		return;
	case STORE_LIST:
		put_type(w, "array");
		json_writer_key(w, "items");
		json_writer_open_object(w);
		put_type(w, "string");
		json_writer_close_object(w);
		return;
	case STORE_METRICS:
	case STORE_OBJECT:
		put_type(w, "object");
		json_writer_key(w, "additionalProperties");
		json_writer_open_object(w);
		if (type == STORE_METRICS)
			put_type(w, "number");
		json_writer_close_object(w);
		return;
	}
}

static void put_model(struct json_writer *w, const struct api_model *model)
{
	const struct store_table *table = model->table;

	json_writer_key(w, model->name);
	json_writer_open_object(w);
	put_type(w, "object");
	put(w, "description", model->help);
	json_writer_key(w, "properties");
	json_writer_open_object(w);
	for (size_t i = 0; i < table->n; i++) {
		json_writer_key(w, table->columns[i].name);
		json_writer_open_object(w);
		put(w, "description", api_field_help(table->columns[i].name));
		put_column_type(w, table->columns[i].type);
		json_writer_close_object(w);
	}
	json_writer_close_object(w);
	json_writer_close_object(w);
}

static void put_text_property(struct json_writer *w, const char *name, const char *help)
{
	json_writer_key(w, name);
	json_writer_open_object(w);
	put(w, "description", help);
	put_type(w, "string");
	json_writer_close_object(w);
}

static void put_envelope(struct json_writer *w, const struct api_model *model)
{
	char name[64];

	snprintf(name, sizeof(name), "%sResponse", model->name);
	json_writer_key(w, name);
	json_writer_open_object(w);
	put_type(w, "object");
	json_writer_key(w, "properties");
	json_writer_open_object(w);
	put_text_property(w, "status", "success or error");
	json_writer_key(w, "data");
	json_writer_open_object(w);
	put(w, "description", model->help);
	put_type(w, "array");
	json_writer_key(w, "x-nullable"); /* Swagger 2.0 knows no null; errors have it */
	json_writer_bool(w, true);
	json_writer_key(w, "items");
	json_writer_open_object(w);
	if (model->table)
		put_reference(w, model->name, "");
	else
		put_type(w, "object");
	json_writer_close_object(w);
	json_writer_close_object(w);
	put_text_property(w, "errorType", "Kind of the error, of errors only.");
	put_text_property(w, "error", "What is wrong, of errors only.");
	json_writer_key(w, "warnings");
	json_writer_open_object(w);
	put(w, "description", "What is missing in the answer.");
	put_type(w, "array");
	json_writer_key(w, "items");
	json_writer_open_object(w);
	put_type(w, "string");
	json_writer_close_object(w);
	json_writer_close_object(w);
	json_writer_close_object(w);
	json_writer_close_object(w);
}

static void put_info(struct json_writer *w)
{
	put(w, "swagger", "2.0");
	json_writer_key(w, "info");
	json_writer_open_object(w);
	put(w, "title", "CEEMS API");
	put(w, "version", "1.0");
	put(w, "description",
		"Usage of compute units (batch jobs, VMs, pods) by users and projects. Times of "
		"requests are in Unix seconds, those of answers (*_ts) in milliseconds.");
	json_writer_close_object(w);
}

void openapi_write(const struct openapi_config *config, struct buffer *out)
{
	struct json_writer writer = json_writer(out), *w = &writer;

	json_writer_open_object(w);
	put_info(w);
	put_host(w, config);
	json_writer_key(w, "securityDefinitions");
	json_writer_open_object(w);
	json_writer_key(w, "BasicAuth");
	json_writer_open_object(w);
	put_type(w, "basic");
	json_writer_close_object(w);
	json_writer_close_object(w);
	json_writer_key(w, "security");
	json_writer_open_array(w);
	json_writer_open_object(w);
	json_writer_key(w, "BasicAuth");
	json_writer_open_array(w);
	json_writer_close_array(w);
	json_writer_close_object(w);
	json_writer_close_array(w);
	json_writer_key(w, "paths");
	json_writer_open_object(w);
	for (size_t i = 0; i < api_routes_count; i++) {
		if (!(api_routes[i].flags & API_ROOTED))
			put_route(w, config, &api_routes[i]);
	}
	json_writer_close_object(w);
	json_writer_key(w, "definitions");
	json_writer_open_object(w);
	for (size_t i = 0; i < N_API_MODELS; i++) {
		if (api_models[i].table)
			put_model(w, &api_models[i]);
		put_envelope(w, &api_models[i]);
	}
	json_writer_close_object(w);
	json_writer_close_object(w);
	buffer_putc(out, '\n');
}
