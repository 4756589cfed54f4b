// SPDX-License-Identifier: Apache-2.0
/* Lists of users: a name, a line feed, a list. What jansson takes as a list of texts has to mean
 * the same. */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>

#include "lb/owners/user_list.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* 1, 0; -1: no list of texts. */
static int expected(struct slice json, const char *name)
{
	json_t *list = json_loadb(json.p, json.n, JSON_ALLOW_NUL, NULL), *item;
	int found = json_is_array(list) ? 0 : -1;
	size_t i;

	json_array_foreach(list, i, item)
	{
		const char *text = json_string_value(item);

		if (!text) {
			found = -1;
			break;
		}
		found |= strlen(text) == json_string_length(item) && str_eq(text, name);
	}
	json_decref(list);
	return found;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data, *end = size ? memchr(text, '\n', size) : NULL;
	struct slice json;
	char *name;
	int wanted;

	if (!end)
		return 0;
	name = strndup(text, (size_t)(end - text));
	json = (struct slice){ end + 1, size - (size_t)(end + 1 - text) };
	wanted = expected(json, name);
	if (wanted >= 0 && user_list_has(json, name) != wanted)
		abort();
	/* With one that isn't a list it must only come to an end. */
	(void)user_list_has(json, name);
	free(name);
	return 0;
}
