// SPDX-License-Identifier: Apache-2.0
/*
 * Query templates: the part of Go's text/template that stands for a value, "{{.Range}}", with
 * optional blanks and trim marks ("{{- .Range -}}").
 */
#ifndef CEEMS_API_UPDATERS_TEMPLATE_H
#define CEEMS_API_UPDATERS_TEMPLATE_H

#include "basic/buffer.h"
#include "basic/err.h"
#include "basic/options.h" /* struct strings */
#include "basic/str.h"

struct template_value {
	const char *name; /* "Range" */
	const char *text;
};

/*
 * Appends the text with all values filled in; a name that is not among them gives "<no value>".
 * -EBADMSG with a sentence for anything else between the braces; n_values may be 0, to check.
 */
int template_expand(const char *text, const struct template_value *values, size_t n_values,
	struct buffer *out, struct err *err);

/*
 * Appends the ids joined with '|', for a regular expression inside quotes of any kind. Bytes that
 * mean something to either are written as '.', which matches them and others too: whoever gets
 * the answer compares the ids.
 */
void template_join_ids(const char *const *ids, size_t n, struct buffer *out);

/* The same, but exact, for double quotes. */
void template_quote_ids(const char *const *ids, size_t n, struct buffer *out);

#endif
