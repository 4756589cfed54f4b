// SPDX-License-Identifier: Apache-2.0
#include "format/pattern.h"

#include <errno.h>
#include <stdlib.h>

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

enum {
	STEPS_MAX = 1000000, /* of one match; some milliseconds */
	HEAP_MAX_KIB = 4096, /* of one match */
};

struct pattern {
	pcre2_code *code;
	pcre2_match_context *limits;
};

void pattern_free(struct pattern *pattern)
{
	if (!pattern)
		return;
	pcre2_code_free(pattern->code);
	pcre2_match_context_free(pattern->limits);
	free(pattern);
}

static int compile(const char *text, pcre2_code **ret_code, struct err *err)
{
	const uint32_t options = PCRE2_DOLLAR_ENDONLY | PCRE2_UTF | PCRE2_MATCH_INVALID_UTF |
		PCRE2_NEVER_BACKSLASH_C;
	char message[128];
	size_t offset = 0;
	int code = 0;

	*ret_code = pcre2_compile(
		(PCRE2_SPTR)text, PCRE2_ZERO_TERMINATED, options, &code, &offset, NULL);
	if (*ret_code)
		return 0;
	if (code == PCRE2_ERROR_NOMEMORY)
		return err_errno(err, -ENOMEM, "regular expression '%s'", text);
	if (pcre2_get_error_message(code, (PCRE2_UCHAR *)message, sizeof(message)) < 0)
		message[0] = '\0';
	return err_set(err, -EINVAL, "regular expression '%s', at byte %zu: %s", text, offset + 1,
		message);
}

int pattern_new(const char *text, struct pattern **ret_pattern, struct err *err)
{
	CLEANUP(pattern_freep) struct pattern *p = calloc(1, sizeof(*p));
	int r = p ? compile(text, &p->code, err)
		  : err_errno(err, -ENOMEM, "regular expression '%s'", text);

	if (r < 0)
		return r;
	p->limits = pcre2_match_context_create(NULL);
	if (!p->limits)
		return err_errno(err, -ENOMEM, "regular expression '%s'", text);
	pcre2_set_match_limit(p->limits, STEPS_MAX);
	pcre2_set_heap_limit(p->limits, HEAP_MAX_KIB);
	*ret_pattern = TAKE(p);
	return 0;
}

bool pattern_matches(const struct pattern *pattern, struct slice text)
{
	pcre2_match_data *data = pcre2_match_data_create(1, NULL);
	int n;

	if (!data)
		return false;
	n = pcre2_match(pattern->code, (PCRE2_SPTR)text.p, text.n, 0, 0, data, pattern->limits);
	pcre2_match_data_free(data);
	return n >= 0;
}
