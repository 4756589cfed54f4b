// SPDX-License-Identifier: Apache-2.0
/* A request for Pyroscope as it was understood: between reading and writing. */
#ifndef CEEMS_LB_ACCESS_PYRO_REQUEST_H
#define CEEMS_LB_ACCESS_PYRO_REQUEST_H

#include "lb/access/bind.h"
#include "lb/access/pyro_body.h"
#include "lb/access/pyro_render.h"

#define PYRO_QUERIER "/querier.v1.QuerierService/"
#define PYRO_RENDER "/pyroscope/render"

/* Of a frame of gRPC: flags, and the length of what follows. */
enum { PYRO_FRAME_HEAD_BYTES = 5 };

enum pyro_codec {
	PYRO_PROTO, /* application/proto */
	PYRO_JSON, /* application/json */
	PYRO_WEB_PROTO, /* application/grpc-web+proto: one frame */
	PYRO_WEB_JSON,
};
extern const char *const pyro_content_types[];

static inline bool pyro_is_framed(enum pyro_codec codec)
{
	return codec == PYRO_WEB_PROTO || codec == PYRO_WEB_JSON;
}

static inline bool pyro_is_json(enum pyro_codec codec)
{
	return codec == PYRO_JSON || codec == PYRO_WEB_JSON;
}

struct pyro_request {
	const struct pyro_method *method; /* NULL: render */
	enum pyro_codec codec;
	struct pyro_body *body;
	struct pyro_render render;
	struct slice prefix; /* of the path, decoded */
};

/* The labels that name units, in the order in which they are looked for. */
extern const char *const pyro_unit_labels[];

/* Parses and binds a selector; refusals go to bind. -ENOMEM. */
int pyro_bind_selector(
	struct bind *bind, const char *what, struct slice text, struct promql_node **ret_node);

#endif
