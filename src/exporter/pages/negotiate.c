// SPDX-License-Identifier: Apache-2.0
#include "exporter/pages/negotiate.h"

#include "basic/macros.h"
#include "basic/str.h"

enum { CLAUSES_MAX = 32, DEFAULT_ESCAPING = 1 };

static const char *const escapings[] = { "allow-utf-8", "underscores", "dots", "values" };

#define CONTENT_TYPES(type)                                           \
	{                                                             \
		type "; charset=utf-8; escaping=allow-utf-8",         \
			type "; charset=utf-8; escaping=underscores", \
			type "; charset=utf-8; escaping=dots",        \
			type "; charset=utf-8; escaping=values"       \
	}

static const char *const content_types[][ARRAY_SIZE(escapings)] = {
	[EXPOSITION_TEXT] = CONTENT_TYPES("text/plain; version=0.0.4"),
	[EXPOSITION_OPENMETRICS] = CONTENT_TYPES("application/openmetrics-text; version=1.0.0"),
};

struct clause {
	struct slice type, version, proto;
	int escaping; /* index, -1 = none that we know */
	double q;
};

static void parse_parameter(struct slice text, struct clause *clause)
{
	struct slice name, value;

	if (!slice_next(&text, '=', &name))
		return;
	name = slice_trim(name);
	value = slice_trim(text);
	if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
		value = (struct slice){ value.p + 1, value.n - 2 };
	if (slice_eq(name, "q") && slice_to_double(value, &clause->q) < 0)
		clause->q = 1;
	if (slice_eq(name, "version"))
		clause->version = value;
	if (slice_eq(name, "proto"))
		clause->proto = value;
	if (!slice_eq(name, "escaping"))
		return;
	for (size_t i = 0; i < ARRAY_SIZE(escapings); i++)
		if (slice_eq(value, escapings[i]))
			clause->escaping = (int)i;
}

static struct clause parse_clause(struct slice text)
{
	struct clause clause = { .escaping = -1, .q = 1 };
	struct slice part = { NULL, 0 };

	slice_next(&text, ';', &part);
	clause.type = slice_trim(part);
	while (slice_next(&text, ';', &part))
		parse_parameter(part, &clause);
	return clause;
}

/* In descending order of q; equals stay in the order of the header. */
static size_t parse_clauses(const char *accept, struct clause clauses[static CLAUSES_MAX])
{
	struct slice rest = slice_from(accept), text;
	size_t n = 0;

	while (n < CLAUSES_MAX && slice_next(&rest, ',', &text)) {
		struct clause clause = parse_clause(text);
		size_t i = n++;

		for (; i > 0 && clauses[i - 1].q < clause.q; i--)
			clauses[i] = clauses[i - 1];
		clauses[i] = clause;
	}
	return n;
}

static bool is_text(const struct clause *c)
{
	return slice_eq(c->type, "text/plain") &&
		(c->version.n == 0 || slice_eq(c->version, "0.0.4"));
}

static bool is_openmetrics(const struct clause *c)
{
	return slice_eq(c->type, "application/openmetrics-text") &&
		(c->version.n == 0 || slice_eq(c->version, "1.0.0"));
}

/* We have no protobuf, but a client that asks for it first means its escaping. */
static bool is_protobuf(const struct clause *c)
{
	return slice_eq(c->type, "application/vnd.google.protobuf") &&
		slice_eq(c->proto, "io.prometheus.client.MetricFamily");
}

struct negotiated negotiate(const char *accept, bool offer_openmetrics)
{
	struct clause clauses[CLAUSES_MAX];
	size_t n = accept ? parse_clauses(accept, clauses) : 0;
	enum exposition_format format = EXPOSITION_TEXT;
	int escaping = DEFAULT_ESCAPING;

	for (size_t i = 0; i < n; i++) {
		if (clauses[i].escaping >= 0)
			escaping = clauses[i].escaping;
		if (offer_openmetrics && is_openmetrics(&clauses[i])) {
			format = EXPOSITION_OPENMETRICS;
			break;
		}
		if (is_text(&clauses[i]) || is_protobuf(&clauses[i]))
			break;
	}
	return (struct negotiated){ format, content_types[format][escaping] };
}
