// SPDX-License-Identifier: Apache-2.0
#include <assert.h>

#include "tool/capture/kube_devices_json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A message that is made of a recording is one that the exporter takes. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct buffer out = { 0 };
	struct pod_resources *pods;
	struct arena arena;
	struct err err;
	size_t n;

	arena_init(&arena, 64 << 20);
	if (kube_devices_json_message((struct slice){ (const char *)data, size }, &out) >= 0)
		assert(pod_resources_decode((struct slice){ buffer_text(&out), out.len }, &arena,
			       &pods, &n, &err) == 0);
	buffer_done(&out);
	arena_done(&arena);
	return 0;
}
