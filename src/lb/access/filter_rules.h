// SPDX-License-Identifier: Apache-2.0
/* Where in an answer hidden labels can stand, and what is done there. */
#ifndef CEEMS_LB_ACCESS_FILTER_RULES_H
#define CEEMS_LB_ACCESS_FILTER_RULES_H

#include <stdbool.h>
#include <stdint.h>

#include "lb/access/gate.h"

enum filter_action {
	FILTER_KEEP,
	FILTER_LABELS, /* an object of labels: hidden ones go */
	FILTER_NAMES, /* an array of names: hidden ones go */
	FILTER_DATA, /* the answer: its data goes */
	FILTER_MESSAGE, /* a text that may quote labels */
	FILTER_MESSAGES, /* an array of such */
};

/* Sets of rules by bits: those that may still apply below a value. */
typedef uint16_t filter_rules;

filter_rules filter_rules_start(
	enum gate_filter kind, const struct strings *hidden, const char *label);

/*
 * What is left of the rules for a member or, name p NULL, an element, at this depth: 0 for members
 * of the answer.
 */
filter_rules filter_rules_enter(filter_rules rules, unsigned depth, struct slice name);

/* What is to be done with a value at this depth, 0 for the answer. */
enum filter_action filter_rules_action(filter_rules rules, unsigned depth);

/* Whether a text, decoded, names a hidden label. */
bool filter_rules_names_hidden(const struct strings *hidden, struct slice text);

/* Takes the escapes of a JSON string back, in place (RFC 8259 7). Its syntax is known to be good.
 */
struct slice filter_rules_decode(char *text, size_t n);

#endif
