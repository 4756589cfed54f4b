// SPDX-License-Identifier: Apache-2.0
#include "host/ipmi_recording.h"

#include <errno.h>
#include <string.h>

/* A request has two bytes ahead of its data. */
enum { REQUEST_HEAD_BYTES = 2 };

struct bytes {
	uint8_t *v;
	size_t n, cap;
};

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 32;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int read_bytes(struct slice text, struct bytes *ret)
{
	struct slice word;

	ret->n = 0;
	while (slice_next_word(&text, &word)) {
		int high = digit(word.p[0]), low = word.n == 2 ? digit(word.p[1]) : -1;

		if (high < 0 || low < 0 || ret->n == ret->cap)
			return -EBADMSG;
		ret->v[ret->n++] = (uint8_t)(high << 4 | low);
	}
	return 0;
}

static void put_bytes(struct buffer *out, const uint8_t *bytes, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buffer_printf(out, " %02x", bytes[i]);
}

void ipmi_recording_put(
	struct buffer *out, const struct ipmi_request *request, const struct ipmi_answer *answer)
{
	buffer_printf(out, "%02x %02x", request->netfn, request->cmd);
	put_bytes(out, request->data, request->n);
	buffer_puts(out, " =");
	if (answer)
		put_bytes(out, answer->data, answer->n);
	buffer_putc(out, '\n');
}

static bool is_request(const struct bytes *line, const struct ipmi_request *request)
{
	return line->n == (size_t)REQUEST_HEAD_BYTES + request->n && line->v[0] == request->netfn &&
		line->v[1] == request->cmd &&
		memcmp(line->v + REQUEST_HEAD_BYTES, request->data, request->n) == 0;
}

int ipmi_recording_find(
	struct slice text, const struct ipmi_request *request, struct ipmi_answer *ret_answer)
{
	struct slice line, head;
	int r;

	while (slice_next_line(&text, &line)) {
		uint8_t asked[IPMI_ANSWER_MAX_BYTES];
		struct ipmi_answer found;
		struct bytes request_bytes = { asked, 0, sizeof(asked) };
		struct bytes answer_bytes = { found.data, 0, sizeof(found.data) };
		const char *equals = memchr(line.p, '=', line.n);

		if (line.n == 0 || line.p[0] == '#')
			continue;
		if (!equals)
			return -EBADMSG;
		head = (struct slice){ line.p, (size_t)(equals - line.p) };
		line = (struct slice){ equals + 1, line.n - head.n - 1 };
		r = read_bytes(head, &request_bytes);
		if (r >= 0)
			r = read_bytes(line, &answer_bytes);
		if (r < 0)
			return r;
		if (!is_request(&request_bytes, request))
			continue;
		if (answer_bytes.n == 0)
			return -ENODATA;
		found.n = answer_bytes.n;
		*ret_answer = found;
		return 0;
	}
	return -ENODATA;
}
