// SPDX-License-Identifier: Apache-2.0
/* Which form of the metrics a client's Accept header asks for (spec exporter-node.md 3.1). */
#ifndef CEEMS_EXPORTER_PAGES_NEGOTIATE_H
#define CEEMS_EXPORTER_PAGES_NEGOTIATE_H

#include <stdbool.h>

#include "format/exposition.h"

struct negotiated {
	enum exposition_format format;
	const char *content_type;
};

/* accept may be NULL. Never fails: what cannot be had or understood gets the text format. */
struct negotiated negotiate(const char *accept, bool offer_openmetrics);

#endif
