// SPDX-License-Identifier: Apache-2.0
/*
 * XML 1.0, walked front to back: each element's start with its attributes and its end with its
 * text. Nothing is fetched, and a document that declares entities is refused, so that it can't grow
 * by reading it. Names are as written, prefixes included.
 */
#ifndef CEEMS_FORMAT_XML_H
#define CEEMS_FORMAT_XML_H

#include <stdbool.h>
#include <stddef.h>

#include "basic/err.h"
#include "basic/str.h"

enum {
	XML_DOCUMENT_MAX_BYTES = 64 << 20,
	XML_DEPTH_MAX = 128,
	XML_PATH_MAX_BYTES = 4096,
	XML_TEXT_MAX_BYTES = 1 << 20, /* of one element */
};

struct xml_attributes {
	const char *const *v; /* name, value, name, value, ..., NULL */
};

/* NULL: no such attribute. */
const char *xml_attribute(const struct xml_attributes *attributes, const char *name);

struct xml_visitor {
	/*
	 * path names the element and those around it: "domain/devices/hostdev". A negative return
	 * ends the walk and is its result; -ECANCELED stands for "seen enough" and makes it 0.
	 * Either may be NULL.
	 */
	int (*start)(void *ctx, const char *path, const struct xml_attributes *attributes);
	/* text is what stands in the element behind its last child; trimmed. */
	int (*end)(void *ctx, const char *path, struct slice text);
	void *ctx;
};

/* 0, -EBADMSG (err says where), -E2BIG (over a limit), -ENOMEM, or what the visitor returned. */
int xml_walk(struct slice document, const struct xml_visitor *visitor, struct err *err);

#endif
