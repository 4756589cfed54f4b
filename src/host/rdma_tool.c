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

static bool next_field(struct slice *fields, struct slice *ret_word)
{
	struct slice word;

	while (fields->n && strchr(" \t\r\n", fields->p[0]) && fields->p[0]) {
		fields->p++;
		fields->n--;
	}
	if (!fields->n)
		return false;
	word = (struct slice){ fields->p, 0 };
	while (word.n < fields->n && !memchr(" \t\r\n", word.p[word.n], 4))
		word.n++;
	fields->p += word.n;
	fields->n -= word.n;
	*ret_word = word;
	return true;
}

bool rdma_row_value(const struct rdma_row *row, const char *name, uint64_t *ret_value)
{
	struct slice fields = row->fields, word;

	while (next_field(&fields, &word)) {
		/* What a process calls itself is no field. */
		if (slice_eq(word, "comm")) {
			if (!next_field(&fields, &word))
				return false;
			continue;
		}
		if (slice_eq(word, name))
			return next_field(&fields, &word) && slice_to_u64(word, ret_value) >= 0;
	}
	return false;
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
