// SPDX-License-Identifier: Apache-2.0
/*
 * Request targets through the router, the handlers and SQLite: every answer is JSON where it says
 * so, no error is the server's, and nothing of other people comes out.
 */
#include <stdint.h>

#include "api_store.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct fuzz_api *f = fuzz_api();
	struct buffer body;
	char *target = malloc(size + 2);

	fuzz_check(target != NULL);
	target[0] = '/';
	memcpy(target + 1, data, size);
	target[size + 1] = '\0';
	buffer_init(&body, 64 << 20);
	fuzz_check(fuzz_ask(f, target, &body) < 500);
	fuzz_check(!strstr(buffer_text(&body), FUZZ_SECRET));
	buffer_done(&body);
	free(target);
	return 0;
}
