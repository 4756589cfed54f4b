// SPDX-License-Identifier: Apache-2.0
/* Web config files; the TLS keys of those that are taken make a priority string. */
#include <assert.h>
#include <stdint.h>

#include "net/http_tls_names.h"
#include "net/web_config_file.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct web_config config;
	struct buffer text;
	struct arena arena;
	struct err err;

	arena_init(&arena, 16 << 20);
	buffer_init(&text, 0);
	if (web_config_parse((const char *)data, size, "web.yml", &arena, &config, &err) >= 0) {
		assert(http_tls_priorities(&config.tls, &text, &err) >= 0);
		for (size_t i = 0; i < config.users.n; i++)
			assert(web_config_is_bcrypt(config.users.values[i]));
	}
	buffer_done(&text);
	arena_done(&arena);
	return 0;
}
