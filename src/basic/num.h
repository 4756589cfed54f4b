// SPDX-License-Identifier: Apache-2.0
/* Numbers as text, in the forms that Prometheus and our API use. None depends on the locale. */
#ifndef CEEMS_BASIC_NUM_H
#define CEEMS_BASIC_NUM_H

#include <stddef.h>
#include <stdint.h>

enum { NUM_TEXT_MAX = 400 }; /* room for any form below, NUL included */

/*
 * The exposition form (spec exporter-node.md 3.2): shortest digits that round-trip, plain for
 * decimal exponents -4 <= e < 6, otherwise scientific with a sign and at least two exponent
 * digits; NaN, +Inf, -Inf. Returns the length.
 */
size_t num_exposition(double value, char text[static NUM_TEXT_MAX]);

/* Shortest digits that round-trip, never an exponent ("0.00002", "1000000"). */
size_t num_plain(double value, char text[static NUM_TEXT_MAX]);

/*
 * 15 significant digits, never an exponent, whole numbers from 10^15 on in full. Much quicker to
 * write and to read than the shortest that round-trip, and off by less than 10^-14 of the value.
 */
size_t num_15_digits(double value, char text[static NUM_TEXT_MAX]);

/* A whole number in full. Returns the length, as all of these do. */
size_t num_i64(int64_t value, char text[static NUM_TEXT_MAX]);

/* An integer count of millionths as an exact decimal: 1500000 -> "1.5", -1 -> "-0.000001". */
size_t num_micro(int64_t micro, char text[static NUM_TEXT_MAX]);

/*
 * Number text of the database's metric maps (spec api-server.md 3.4): whole values below 2^63 as
 * integers, all others with eight decimals, NaN and infinities "0".
 */
size_t num_metric_map(double value, char text[static NUM_TEXT_MAX]);

#endif
