// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/openstack_json.h"

#include <errno.h>
#include <stdlib.h>

#include "basic/buffer.h"
#include "format/json_writer.h"

int openstack_json_load(struct slice text, json_t **ret_root, struct err *err)
{
	json_error_t why;
	/* Users may put NUL into the metadata of a server. */
	json_t *root = json_loadb(text.n ? text.p : "", text.n, JSON_ALLOW_NUL, &why);

	if (!root && json_error_code(&why) == json_error_out_of_memory)
		return err_errno(err, -ENOMEM, "the answer");
	if (!root)
		return err_set(err, -EBADMSG, "the answer is no JSON: line %d, column %d", why.line,
			why.column);
	if (!json_is_object(root)) {
		json_decref(root);
		return err_set(err, -EBADMSG, "the answer is no JSON object");
	}
	*ret_root = root;
	return 0;
}

const char *openstack_json_text(const json_t *object, const char *key, struct arena *arena)
{
	const json_t *value = json_object_get(object, key);

	if (!json_is_string(value))
		return "";
	return arena_strndup(arena, json_string_value(value), json_string_length(value));
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static int write_value(struct json_writer *w, const json_t *value);

static int write_object(struct json_writer *w, const json_t *object)
{
	size_t n = 0;
	const char **names = malloc((json_object_size(object) + 1) * sizeof(*names));
	const char *name;
	json_t *value;
	int r = 0;

	if (!names)
		return -ENOMEM;
	json_object_foreach((json_t *)object, name, value)
	{
		names[n++] = name;
	}
	qsort(names, n, sizeof(*names), by_name);
	json_writer_open_object(w);
	for (size_t i = 0; r >= 0 && i < n; i++) {
		json_writer_key(w, names[i]);
		r = write_value(w, json_object_get(object, names[i]));
	}
	json_writer_close_object(w);
	free(names);
	return r;
}

static int write_array(struct json_writer *w, const json_t *array)
{
	const json_t *value;
	size_t i;
	int r = 0;

	json_writer_open_array(w);
	json_array_foreach((json_t *)array, i, value)
	{
		r = r < 0 ? r : write_value(w, value);
	}
	json_writer_close_array(w);
	return r;
}

/* Not deeper than the parser's limit (2048). */
static int write_value(struct json_writer *w, const json_t *value)
{
	switch (json_typeof(value)) {
	case JSON_OBJECT:
		return write_object(w, value);
	case JSON_ARRAY:
		return write_array(w, value);
	case JSON_STRING:
		json_writer_string_n(w, json_string_value(value), json_string_length(value));
		break;
	case JSON_INTEGER:
		json_writer_int(w, json_integer_value(value));
		break;
	case JSON_REAL:
		json_writer_double(w, json_real_value(value));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		json_writer_bool(w, json_is_true(value));
		break;
	case JSON_NULL:
		json_writer_null(w);
		break;
	}
	return 0;
}

const char *openstack_json_sorted(const json_t *value, const char *fallback, struct arena *arena)
{
	CLEANUP(buffer_done) struct buffer out = { 0 };
	struct json_writer w = json_writer(&out);

	if (!value || json_is_null(value))
		return fallback;
	if (write_value(&w, value) < 0 || buffer_error(&out) < 0)
		return NULL;
	return arena_strndup(arena, out.data, out.len);
}

int openstack_json_message(struct slice text, char ret_message[static OPENSTACK_MESSAGE_MAX])
{
	json_t *root = NULL, *value;
	const char *message = NULL, *key;
	size_t n = 0;

	if (openstack_json_load(text, &root, NULL) < 0)
		return -EBADMSG;
	json_object_foreach(root, key, value)
	{
		if (!message)
			message = json_string_value(json_object_get(value, "message"));
	}
	for (const char *p = message; p && *p && n < OPENSTACK_MESSAGE_MAX - 1; p++)
		ret_message[n++] = (char)((unsigned char)*p < 0x20 || *p == 0x7f ? ' ' : *p);
	json_decref(root);
	if (!n)
		return -EBADMSG;
	ret_message[n] = '\0';
	return 0;
}

int openstack_link_query(const char *link, struct arena *arena, const char **ret_query)
{
	static const char good[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~%=&+:;,@!$'()*/?";
	const char *query = strchr(link, '?');
	size_t n;

	if (!query)
		return -EBADMSG;
	query++;
	n = strspn(query, good);
	if (!n || n > OPENSTACK_LINK_MAX || (query[n] && query[n] != '#'))
		return -EBADMSG;
	query = arena_strndup(arena, query, n);
	if (!query)
		return -ENOMEM;
	*ret_query = query;
	return 0;
}

bool openstack_query_param(const char *query, const char *name, struct slice *ret_value)
{
	struct slice rest = slice_from(query), pair;
	size_t n = strlen(name);

	while (slice_next(&rest, '&', &pair)) {
		if (pair.n > n && memcmp(pair.p, name, n) == 0 && pair.p[n] == '=') {
			*ret_value = (struct slice){ pair.p + n + 1, pair.n - n - 1 };
			return true;
		}
	}
	return false;
}
