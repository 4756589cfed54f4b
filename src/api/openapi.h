// SPDX-License-Identifier: Apache-2.0
/* The description of the API in Swagger 2.0 (swagger.io/specification/v2), from the routes. */
#ifndef CEEMS_API_OPENAPI_H
#define CEEMS_API_OPENAPI_H

#include "basic/buffer.h"

struct openapi_config {
	const char *external_url; /* NULL or "": by the listen address */
	const char *listen_address; /* ":9020" stands for localhost:9020 */
	const char *route_prefix;
	const char *user_header;
};

void openapi_write(const struct openapi_config *config, struct buffer *out);

#endif
