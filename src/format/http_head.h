// SPDX-License-Identifier: Apache-2.0
/*
 * Heads of HTTP/1.1 messages (RFC 9112), as a proxy has to read them: a message that two readers
 * could take differently is refused, where RFC 9112 2.2, 5 and 6.3 would let a server repair it.
 * So there is no bare LF or CR, no folded line, no blank in front of a colon, no Content-Length
 * that is repeated or stands beside a Transfer-Encoding, and no coding but "chunked". Pure; what is
 * returned points into the bytes that were given.
 */
#ifndef CEEMS_FORMAT_HTTP_HEAD_H
#define CEEMS_FORMAT_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "basic/str.h"

enum {
	HTTP_FIELDS_MAX = 128,
	HTTP_METHOD_MAX = 32,
	HTTP_CONTENT_LENGTH_MAX_DIGITS = 18, /* fits an int64_t with room for sums */
};

/* Fields that somebody looks for; they are known by the parser, so that nobody compares names. */
enum http_field_id {
	HTTP_FIELD_OTHER,
	HTTP_FIELD_ACCEPT_ENCODING,
	HTTP_FIELD_AUTHORIZATION,
	HTTP_FIELD_CONNECTION,
	HTTP_FIELD_CONTENT_ENCODING,
	HTTP_FIELD_CONTENT_LENGTH,
	HTTP_FIELD_CONTENT_TYPE,
	HTTP_FIELD_DATE,
	HTTP_FIELD_EXPECT,
	HTTP_FIELD_HOST,
	HTTP_FIELD_KEEP_ALIVE,
	HTTP_FIELD_PROXY_AUTHENTICATE,
	HTTP_FIELD_PROXY_AUTHORIZATION,
	HTTP_FIELD_PROXY_CONNECTION,
	HTTP_FIELD_TE,
	HTTP_FIELD_TRAILER,
	HTTP_FIELD_TRANSFER_ENCODING,
	HTTP_FIELD_UPGRADE,
	HTTP_FIELD_USER_AGENT,
	HTTP_FIELD_X_FORWARDED_FOR,
	HTTP_FIELD_N,
};

struct http_field {
	struct slice name, value; /* the value without blanks around it */
	enum http_field_id id;
};

struct http_fields {
	size_t n;
	struct http_field v[HTTP_FIELDS_MAX];
};

/* Where a body ends. */
enum http_framing {
	HTTP_BODY_NONE,
	HTTP_BODY_LENGTH, /* after content_length bytes */
	HTTP_BODY_CHUNKED,
	HTTP_BODY_CLOSE, /* with the connection; answers only */
};

struct http_request_head {
	struct slice method;
	struct slice path; /* raw, from the first '/' to before '?' */
	struct slice query; /* raw, after '?'; p NULL: no '?' */
	struct slice host; /* of the target if it has one, else of the field; n 0: none */
	int minor; /* HTTP/1.minor: 0 or 1 */
	bool keep_alive, expect_continue;
	enum http_framing framing;
	uint64_t content_length;
	struct http_fields fields;
};

struct http_response_head {
	int status;
	int minor;
	struct slice reason;
	bool keep_alive;
	bool has_length;
	enum http_framing framing;
	uint64_t content_length;
	struct http_fields fields;
};

/*
 * The length of the head at the start of data, its empty line included; 0: it is not complete.
 * *scanned says how far earlier calls looked (0 at first) and is moved on. -EBADMSG: a line ends
 * without CR, or a CR stands alone.
 */
ssize_t http_head_length(struct slice data, size_t *scanned);

/*
 * Takes a complete head apart. 0, or the status to refuse it with: 400, 414 (never), 417, 431 (too
 * many fields), 501 (a transfer coding), 505. The output is undefined then.
 */
int http_request_head_parse(struct slice head, struct http_request_head *ret_head);

/*
 * For the answer to a request whose method is HEAD or not. -EBADMSG, -E2BIG (too many fields).
 * Interim answers (1xx) have no body.
 */
int http_response_head_parse(
	struct slice head, bool to_head_request, struct http_response_head *ret_head);

/*
 * The lines of fields alone, each with its CRLF, as libcurl hands them out or as trailers have
 * them. -EBADMSG, -E2BIG.
 */
int http_fields_parse(struct slice lines, struct http_fields *ret_fields);

/* How many fields have that name; the first one's value. */
size_t http_fields_find(
	const struct http_fields *fields, const char *name, struct slice *ret_value);

/* Whether a comma-separated list has the token; both without regard to case. */
bool http_list_has(struct slice list, const char *token);

/* Fields that belong to one connection (RFC 9110 7.6.1), but for those that Connection names. */
bool http_field_is_hop_by_hop(enum http_field_id id);

/* "GET", "HEAD", "OPTIONS", "TRACE" (RFC 9110 9.2.1). */
bool http_method_is_safe(struct slice method);

/* A token of RFC 9110 5.6.2, as names of fields and methods are; not empty. */
bool http_is_token(struct slice text);

/*
 * Whether a name consists of letters, digits and '-'. Others may be taken for another name: CGI
 * (RFC 3875 4.1.18) and what is like it make '_' of every other byte.
 */
bool http_name_is_plain(struct slice name);

/*
 * The name that such readers see, '-' for every other byte; n 0: it is longer than cap. And which
 * field that is.
 */
struct slice http_name_fold(struct slice name, char *text, size_t cap, enum http_field_id *ret_id);

/* The bytes that a value may have: no control byte but the tab. */
bool http_is_field_value(struct slice text);
/* What the target of a request may hold, and is not empty: no blank, no control byte, no '#'. */
bool http_is_target(struct slice text);

#endif
