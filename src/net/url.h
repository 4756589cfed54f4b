// SPDX-License-Identifier: Apache-2.0
/* URLs as text. */
#ifndef CEEMS_NET_URL_H
#define CEEMS_NET_URL_H

#include "basic/buffer.h"

/*
 * A path segment appended to a base, which may end in '/' or have a query: "http://h/x/" and
 * "api/v1" make "http://h/x/api/v1". -EINVAL: no http or https URL. -ENOMEM.
 */
int url_join(const char *base, const char *path, struct buffer *ret_url);

/* Appends name=value, form-encoded, with '&' in front if the buffer isn't empty. */
void url_append_param(struct buffer *query, const char *name, const char *value);

/* The URL with any password replaced by xxxxx; what can't be parsed becomes "(malformed URL)". */
int url_redact(const char *url, struct buffer *ret_url);

#endif
