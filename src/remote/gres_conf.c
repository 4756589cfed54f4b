// SPDX-License-Identifier: Apache-2.0
#include "remote/gres_conf.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/macros.h"
#include "remote/nodelist.h"

struct parse {
	const char *hostname;
	gres_conf_read_fn read;
	void *ctx;
	unsigned depth, files;
	struct gres_conf *conf;
	size_t names_bytes; /* of node names that were looked through */
};

/* The values of a row that matter. */
struct row {
	struct slice name, nodes, files, count;
};

void gres_conf_done(struct gres_conf *conf)
{
	free(conf->shares);
	*conf = (struct gres_conf){ 0 };
}

static bool eq_nocase(struct slice text, const char *word)
{
	return text.n == strlen(word) && strncasecmp(text.p, word, text.n) == 0;
}

static bool cut_prefix(struct slice *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || strncmp(s->p, prefix, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* Cuts the next "Key=value", 'Key="a b"' or word off. Blanks may stand around the sign. */
static bool next_pair(struct slice *rest, struct slice *ret_key, struct slice *ret_value)
{
	const char *p = rest->p, *end = rest->p + rest->n;

	while (p < end && is_blank(*p))
		p++;
	if (p == end)
		return false;
	ret_key->p = p;
	while (p < end && !is_blank(*p) && *p != '=')
		p++;
	ret_key->n = (size_t)(p - ret_key->p);
	*ret_value = (struct slice){ p, 0 };
	while (p < end && is_blank(*p))
		p++;
	if (p < end && *p == '=') {
		char quote;

		for (p++; p < end && is_blank(*p); p++)
			;
		quote = p < end && *p == '"' ? '"' : '\0';
		p += quote != '\0';
		ret_value->p = p;
		while (p < end && (quote ? *p != quote : !is_blank(*p)))
			p++;
		ret_value->n = (size_t)(p - ret_value->p);
		p += quote && p < end;
	}
	*rest = (struct slice){ p, (size_t)(end - p) };
	return true;
}

static bool name_is(struct slice escaped, struct slice name)
{
	size_t at = 0;

	for (size_t i = 0; i < escaped.n; i++) {
		if (escaped.p[i] == '\\')
			i++;
		if (i == escaped.n || at == name.n || escaped.p[i] != name.p[at++])
			return false;
	}
	return at == name.n;
}

static int is_for_node(struct parse *p, struct slice nodes)
{
	CLEANUP(buffer_done) struct buffer names = { 0 };
	struct slice rest, name, full = slice_from(p->hostname),
				 shorter = { p->hostname, strcspn(p->hostname, ".") };
	int r = nodelist_to_regex(nodes, &names);
	size_t bytes = r == -E2BIG ? NODELIST_TEXT_MAX : names.len;

	if (r < 0 && r != -E2BIG)
		return r;
	/* Many long lists would take for ever, also those that are given up. */
	if (bytes > GRES_CONF_NAMES_MAX_BYTES - p->names_bytes)
		return -E2BIG;
	p->names_bytes += bytes;
	if (r < 0)
		return 0;
	rest = (struct slice){ buffer_text(&names), names.len };
	while (slice_next(&rest, '|', &name)) {
		if (name_is(name, full) || name_is(name, shorter))
			return 1;
	}
	return 0;
}

/* Slurm's suffixes of counts are powers of 1024. */
static bool parse_count(struct slice text, uint64_t *ret_count)
{
	static const char suffixes[] = "KMGTP";
	const char *at = NULL;

	if (text.n && (text.p[text.n - 1] & ~0x20))
		at = strchr(suffixes, text.p[text.n - 1] & ~0x20);
	text.n -= at != NULL;
	if (slice_to_u64(text, ret_count) < 0)
		return false;
	for (const char *s = suffixes; at && s <= at; s++) {
		if (*ret_count > UINT64_MAX / 1024)
			return false;
		*ret_count *= 1024;
	}
	return true;
}

static int add_share(struct gres_conf *conf, enum gres_device_kind kind, uint64_t first,
	uint64_t last, uint64_t count)
{
	for (uint64_t number = first; number <= last; number++) {
		size_t n = conf->n_shares;

		if (n == GRES_CONF_SHARES_MAX)
			return -E2BIG;
		if ((n & (n - 1)) == 0) {
			struct gres_share *more = reallocarray(
				conf->shares, n ? n * 2 : 1, sizeof(*more));

			if (!more)
				return -ENOMEM;
			conf->shares = more;
		}
		conf->shares[conf->n_shares++] =
			(struct gres_share){ .kind = kind, .number = number, .count = count };
	}
	return 0;
}

/* "3" or "3-5" */
static bool parse_range(struct slice text, uint64_t *ret_first, uint64_t *ret_last)
{
	struct slice rest = text, first;

	if (!slice_next(&rest, '-', &first) || slice_to_u64(first, ret_first) < 0)
		return false;
	*ret_last = *ret_first;
	return !rest.p || (slice_to_u64(rest, ret_last) >= 0 && *ret_first <= *ret_last);
}

/* An element of File: a path, or numbers that go on from the path before them. */
static int add_file(
	struct gres_conf *conf, struct slice file, uint64_t count, enum gres_device_kind *kind)
{
	static const struct {
		const char *prefix;
		enum gres_device_kind kind;
	} forms[] = {
		{ "/dev/nvidia-caps/nvidia-cap", GRES_CAP },
		{ "/dev/nvidia", GRES_MINOR },
	};
	uint64_t first, last;

	for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
		if (cut_prefix(&file, forms[i].prefix)) {
			*kind = forms[i].kind;
			break;
		}
	}
	if (*kind == GRES_ALL || !parse_range(file, &first, &last))
		return 0;
	return add_share(conf, *kind, first, last, count);
}

static int add_row(struct gres_conf *conf, const struct row *row)
{
	CLEANUP(buffer_done) struct buffer files = { 0 };
	enum gres_device_kind kind = GRES_ALL;
	const size_t first = conf->n_shares;
	struct slice rest, file;
	uint64_t count;
	int r = 0;

	conf->sharing = true;
	if (!row->count.n || !parse_count(row->count, &count))
		return 0;
	if (!row->files.n)
		return add_share(conf, GRES_ALL, 0, 0, count);
	r = nodelist_to_regex(row->files, &files);
	rest = (struct slice){ buffer_text(&files), files.len };
	while (r >= 0 && slice_next(&rest, '|', &file))
		r = add_file(conf, file, count, &kind);
	for (size_t i = first; i < conf->n_shares; i++) {
		conf->shares[i].nth = i - first;
		conf->shares[i].n = conf->n_shares - first;
	}
	return r;
}

uint64_t gres_even_part(uint64_t count, uint64_t nth, uint64_t n)
{
	return count / n + (nth >= n - count % n);
}

static int parse_text(struct parse *p, struct slice text);

static int include(struct parse *p, struct slice path)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r;

	if (!p->read || p->depth == GRES_CONF_DEPTH_MAX || p->files == GRES_CONF_FILES_MAX)
		return 0;
	p->files++;
	buffer_init(&text, GRES_CONF_MAX_BYTES);
	if (p->read(p->ctx, path, &text) < 0)
		return 0;
	p->depth++;
	r = parse_text(p, (struct slice){ buffer_text(&text), text.len });
	p->depth--;
	return r;
}

static int parse_row(struct parse *p, struct slice line)
{
	struct slice rest = line, key, value;
	struct row row = { 0 };
	int r = 1;

	while (next_pair(&rest, &key, &value)) {
		if (eq_nocase(key, "Include") && !row.name.n)
			return include(p, value.n ? value : slice_trim(rest));
		if (eq_nocase(key, "Name"))
			row.name = value;
		else if (eq_nocase(key, "NodeName"))
			row.nodes = value;
		else if (eq_nocase(key, "File") || eq_nocase(key, "MultipleFiles"))
			row.files = value;
		else if (eq_nocase(key, "Count"))
			row.count = value;
	}
	if (!eq_nocase(row.name, "shard") && !eq_nocase(row.name, "mps"))
		return 0;
	if (row.nodes.n)
		r = is_for_node(p, row.nodes);
	return r > 0 ? add_row(p->conf, &row) : r;
}

/* '#' begins a comment unless a backslash stands before it. */
static struct slice without_comment(struct slice line)
{
	for (size_t i = 0; i < line.n; i++) {
		if (line.p[i] == '#' && (i == 0 || line.p[i - 1] != '\\'))
			return (struct slice){ line.p, i };
	}
	return line;
}

static int parse_text(struct parse *p, struct slice text)
{
	CLEANUP(buffer_done) struct buffer row = { 0 };
	struct slice line;
	int r = 0;

	buffer_init(&row, GRES_CONF_MAX_BYTES);
	while (r >= 0 && slice_next_line(&text, &line)) {
		bool goes_on;

		line = slice_trim(without_comment(line));
		goes_on = line.n && line.p[line.n - 1] == '\\';
		line.n -= goes_on;
		buffer_append(&row, line.p, line.n);
		if (goes_on) {
			buffer_putc(&row, ' ');
			continue;
		}
		r = buffer_error(&row);
		if (r >= 0)
			r = parse_row(p, (struct slice){ buffer_text(&row), row.len });
		buffer_clear(&row);
	}
	if (r >= 0 && row.len)
		r = parse_row(p, (struct slice){ buffer_text(&row), row.len });
	return r;
}

int gres_conf_parse(struct slice text, const char *hostname, gres_conf_read_fn read, void *ctx,
	struct gres_conf *ret_conf)
{
	struct parse p = { .hostname = hostname, .read = read, .ctx = ctx, .conf = ret_conf };

	if (text.n > GRES_CONF_MAX_BYTES)
		return -E2BIG;
	return parse_text(&p, text);
}

static bool part(struct slice *path, const char *prefix, uint64_t *ret_value)
{
	struct slice component;

	return slice_next(path, '/', &component) && cut_prefix(&component, prefix) &&
		slice_to_u64(component, ret_value) >= 0;
}

int mig_minors_find(struct slice text, uint64_t minor, struct mig_minor *ret_minor)
{
	struct slice line, path, number;

	while (slice_next_line(&text, &line)) {
		struct mig_minor found;
		uint64_t value;

		if (!slice_next_word(&line, &path) || !slice_next_word(&line, &number) ||
			slice_to_u64(number, &value) < 0 || value != minor)
			continue;
		if (!part(&path, "gpu", &found.gpu) || !part(&path, "gi", &found.gpu_instance) ||
			!part(&path, "ci", &found.compute_instance))
			continue;
		*ret_minor = found;
		return 0;
	}
	return -ENODATA;
}
