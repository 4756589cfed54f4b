// SPDX-License-Identifier: Apache-2.0
#include "host/rdma_tool.h"

static const char NAME_BYTES[] = "abcdefghijklmnopqrstuvwxyz0123456789_";

static bool consists_of(struct slice s, const char *bytes)
{
	for (size_t i = 0; i < s.n; i++)
		if (!s.p[i] || !strchr(bytes, s.p[i]))
			return false;
	return s.n > 0 && s.n < RDMA_NAME_MAX;
}

/* "mlx5_0/1", or "mlx5_0" without a port. */
static bool split_link(struct slice link, struct slice *ret_device, struct slice *ret_port)
{
	struct slice rest = link, device, port = { "", 0 };

	if (!slice_next(&rest, '/', &device) || !consists_of(device, NAME_BYTES))
		return false;
	if (rest.p) {
		port = rest;
		if (!consists_of(port, "0123456789"))
			return false;
	}
	*ret_device = device;
	*ret_port = port;
	return true;
}

static bool is_indented(struct slice s)
{
	return s.n && (s.p[0] == ' ' || s.p[0] == '\t');
}

static bool parse_row(struct slice line, struct rdma_row *ret_row)
{
	struct slice rest = line, word;

	if (is_indented(line) || !slice_next_word(&rest, &word) ||
		!(slice_eq(word, "dev") || slice_eq(word, "link")) ||
		!slice_next_word(&rest, &word) ||
		!split_link(word, &ret_row->device, &ret_row->port))
		return false;
	ret_row->fields = rest;
	ret_row->is_json = false;
	return true;
}

bool rdma_row_next(struct slice *rest, struct rdma_row *ret_row)
{
	struct slice line;
	struct rdma_row row;

	while (slice_next_line(rest, &line)) {
		if (!parse_row(line, &row))
			continue;
		while (rest->p && is_indented(*rest) && slice_next_line(rest, &line))
			row.fields.n = (size_t)(line.p + line.n - row.fields.p);
		*ret_row = row;
		return true;
	}
	return false;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void skip_blanks(struct slice *s)
{
	while (s->n && is_blank(s->p[0]))
		*s = (struct slice){ s->p + 1, s->n - 1 };
}

/* Up to the next blank: nothing if it is there already. */
static struct slice take_word(struct slice *fields)
{
	struct slice word = { fields->p, 0 };

	while (word.n < fields->n && !is_blank(word.p[word.n]))
		word.n++;
	*fields = (struct slice){ fields->p + word.n, fields->n - word.n };
	return word;
}

static bool text_value(struct slice fields, const char *name, uint64_t *ret_value)
{
	struct slice word;

	for (;;) {
		skip_blanks(&fields);
		word = take_word(&fields);
		if (!word.n)
			return false;
		/* What a process calls itself is no field; it may be nothing, behind one blank. */
		if (slice_eq(word, "comm") && fields.n) {
			fields = (struct slice){ fields.p + 1, fields.n - 1 };
			(void)take_word(&fields);
		} else if (slice_eq(word, name)) {
			struct slice rest = fields;

			skip_blanks(&rest);
			if (slice_to_u64(take_word(&rest), ret_value) >= 0)
				return true;
		}
	}
}

bool rdma_is_json(struct slice output)
{
	skip_blanks(&output);
	return output.n && output.p[0] == '[';
}

/* The bytes of the string that s begins with; all of s if it doesn't end. */
static size_t string_length(struct slice s)
{
	size_t n = 1;

	while (n < s.n && s.p[n] != '"')
		n += s.p[n] == '\\' ? 2 : 1;
	return n < s.n ? n + 1 : s.n;
}

/* The bytes of the object or array that s begins with, or 0 if it doesn't end. */
static size_t nested_length(struct slice s)
{
	size_t depth = 0;

	for (size_t n = 0; n < s.n;) {
		if (s.p[n] == '"') {
			n += string_length((struct slice){ s.p + n, s.n - n });
			continue;
		}
		if (s.p[n] == '{' || s.p[n] == '[')
			depth++;
		if (s.p[n] == '}' || s.p[n] == ']')
			depth--;
		n++;
		if (!depth)
			return n;
	}
	return 0;
}

static size_t value_length(struct slice s)
{
	size_t n = 0;

	if (s.n && s.p[0] == '"')
		return string_length(s);
	if (s.n && (s.p[0] == '{' || s.p[0] == '['))
		return nested_length(s);
	while (n < s.n && s.p[n] != ',' && !is_blank(s.p[n]))
		n++;
	return n;
}

static struct slice behind(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.n - n };
}

/* Cuts "key": value off the members of an object. */
static bool next_member(struct slice *members, struct slice *ret_key, struct slice *ret_value)
{
	struct slice rest = *members;
	size_t n;

	while (rest.n && (is_blank(rest.p[0]) || rest.p[0] == ','))
		rest = behind(rest, 1);
	if (!rest.n || rest.p[0] != '"')
		return false;
	n = string_length(rest);
	*ret_key = (struct slice){ rest.p, n };
	rest = behind(rest, n);
	skip_blanks(&rest);
	if (!rest.n || rest.p[0] != ':')
		return false;
	rest = behind(rest, 1);
	skip_blanks(&rest);
	n = value_length(rest);
	*ret_value = (struct slice){ rest.p, n };
	*members = behind(rest, n);
	return n > 0;
}

static bool unquote(struct slice *s)
{
	if (s->n < 2 || s->p[0] != '"' || s->p[s->n - 1] != '"')
		return false;
	*s = (struct slice){ s->p + 1, s->n - 2 };
	return true;
}

static bool member(struct slice members, const char *name, struct slice *ret_value)
{
	struct slice key, value;

	while (next_member(&members, &key, &value)) {
		if (unquote(&key) && slice_eq(key, name)) {
			*ret_value = value;
			return true;
		}
	}
	return false;
}

static bool parse_object(struct slice members, struct rdma_row *ret_row)
{
	struct rdma_row row = { .port = { "", 0 }, .fields = members, .is_json = true };

	if (!member(members, "ifname", &row.device) || !unquote(&row.device) ||
		!consists_of(row.device, NAME_BYTES) ||
		(member(members, "port", &row.port) && !consists_of(row.port, "0123456789")))
		return false;
	*ret_row = row;
	return true;
}

bool rdma_object_next(struct slice *rest, struct rdma_row *ret_row)
{
	while (rest->n) {
		size_t n = 1;

		if (rest->p[0] == '"')
			n = string_length(*rest);
		else if (rest->p[0] == '{')
			n = nested_length(*rest);
		if (!n) /* cut short */
			return false;
		if (rest->p[0] == '{' &&
			parse_object((struct slice){ rest->p + 1, n - 2 }, ret_row)) {
			*rest = behind(*rest, n);
			return true;
		}
		*rest = behind(*rest, n);
	}
	return false;
}

bool rdma_row_value(const struct rdma_row *row, const char *name, uint64_t *ret_value)
{
	struct slice value;

	if (!row->is_json)
		return text_value(row->fields, name, ret_value);
	return member(row->fields, name, &value) && slice_to_u64(value, ret_value) >= 0;
}

static bool parse_mode(struct slice line, struct rdma_mode *ret_mode)
{
	struct slice word, device, port;
	bool found = false;

	while (slice_next_word(&line, &word)) {
		word = slice_trim(word);
		if (slice_eq(word, "auto")) {
			ret_mode->is_on = slice_next_word(&line, &word) &&
				!slice_eq(slice_trim(word), "off");
			return found;
		}
		if (word.n && word.p[word.n - 1] == ':')
			word.n--;
		if (!found && word.n > 3 && memcmp(word.p, "mlx", 3) == 0 &&
			split_link(word, &device, &port) && port.n) {
			ret_mode->link = word;
			found = true;
		}
	}
	return false;
}

bool rdma_mode_next(struct slice *rest, struct rdma_mode *ret_mode)
{
	struct slice line;
	struct rdma_mode mode;

	while (slice_next_line(rest, &line)) {
		if (!parse_mode(line, &mode))
			continue;
		*ret_mode = mode;
		return true;
	}
	return false;
}
