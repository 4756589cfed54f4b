// SPDX-License-Identifier: Apache-2.0
/* The store as that into which the collecting of units puts what it finds. */
#ifndef CEEMS_API_STORE_SINK_H
#define CEEMS_API_STORE_SINK_H

#include "api/collect.h"
#include "api/store.h"

struct collect_sink store_sink(struct store *store);

#endif
