// SPDX-License-Identifier: Apache-2.0
/* The description of the API for people: one page, without scripts or anything of other hosts. */
#ifndef CEEMS_API_OPENAPI_PAGE_H
#define CEEMS_API_OPENAPI_PAGE_H

#include "api/openapi.h"

/* A style for this page and its neighbours: elements of <head>. */
extern const char openapi_page_style[];

void openapi_write_page(const struct openapi_config *config, struct buffer *out);

#endif
