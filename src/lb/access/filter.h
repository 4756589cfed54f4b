// SPDX-License-Identifier: Apache-2.0
/*
 * Takes hidden labels out of answers of Prometheus's API (spec lb-and-proxies.md 2.12), as they
 * stream by: JSON in pieces of any size to JSON, in the memory of one name. All that is not a
 * hidden label stays, whatever its type: numbers and strings digit by digit, foreign members,
 * histograms. Blanks between tokens go. What is no JSON (RFC 8259), or not of the expected form
 * where labels are expected, is an error: nothing of an answer that was not understood goes on.
 *
 * Messages (error, warnings, infos) quote series with all their labels: one that names a hidden
 * label is replaced as a whole.
 */
#ifndef CEEMS_LB_ACCESS_FILTER_H
#define CEEMS_LB_ACCESS_FILTER_H

#include "lb/access/gate.h"

#include "basic/buffer.h"

enum {
	FILTER_DEPTH_MAX = 64,
	FILTER_HELD_MAX_BYTES = 64 << 10, /* a member's name, a label's name, a message */
	FILTER_WORD_MAX_BYTES = 64, /* a number */
};

/* What to do with an answer, by its head. */
enum filter_verdict {
	FILTER_REWRITE,
	FILTER_PASS, /* an error that a server says in words of its own; holds no series */
	FILTER_REFUSE, /* a success that is no JSON, or only a part */
};
enum filter_verdict filter_judge(int status, struct slice content_type);

struct filter;

/*
 * kind is not GATE_FILTER_NONE; label is of GATE_FILTER_LABEL_VALUES. hidden is borrowed. -ENOMEM.
 */
int filter_new(enum gate_filter kind, const struct strings *hidden, const char *label,
	struct filter **ret_filter);
void filter_free(struct filter *filter);

/*
 * Appends what comes out of a piece. After the last piece the text is whole; no text at all is
 * fine. -EBADMSG: malformed; -E2BIG: over a limit above; -ENOMEM. After a failure nothing more
 * may be fed.
 */
int filter_feed(struct filter *filter, struct slice piece, bool last, struct buffer *out);

#endif
