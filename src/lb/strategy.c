// SPDX-License-Identifier: Apache-2.0
#include "lb/strategy.h"

#include "basic/macros.h"
#include "basic/str.h"

static const struct strategy *const strategies[] = {
	&strategy_least_connection,
	&strategy_round_robin,
};

const struct strategy *strategy_find(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(strategies); i++)
		if (str_eq(strategies[i]->name, name))
			return strategies[i];
	return NULL;
}
