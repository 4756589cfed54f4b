// SPDX-License-Identifier: Apache-2.0
/*
 * Takes out of texts and paths what names a site, a person or a machine: host names, UUIDs, long
 * hexadecimal ids (of containers), MAC addresses, serial numbers, names of programs. Each is
 * replaced by a keyed hash of the same form, so that what was equal stays equal within one archive,
 * and nothing can be found out by trying without the key, which is never written. Pure.
 */
#ifndef CEEMS_TOOL_CAPTURE_ANONYMISE_H
#define CEEMS_TOOL_CAPTURE_ANONYMISE_H

#include "basic/buffer.h"
#include "basic/str.h"

enum { ANONYMISE_KEY_BYTES = 32, ANONYMISE_HOST_MAX = 256 };

struct anonymiser {
	unsigned char key[ANONYMISE_KEY_BYTES]; /* random */
	char host[ANONYMISE_HOST_MAX]; /* the machine's name; "" = none */
};

/* Failures stick in the buffer. */
void anonymise(const struct anonymiser *a, struct slice text, struct buffer *out);

/* Appends the hash of the whole of it. */
void anonymise_name(const struct anonymiser *a, struct slice name, struct buffer *out);

/* Of the files of a process only what the exporter looks for; the rest is left out. */
void anonymise_environ(const struct anonymiser *a, struct slice text, struct buffer *out);
void anonymise_cmdline(struct slice text, struct buffer *out); /* slurmstepd's only */
void anonymise_status(struct slice text, struct buffer *out); /* root or not */

#endif
