// SPDX-License-Identifier: Apache-2.0
/* An answer of the kubelet: what follows the first byte is a message, or headers, NUL, body. */
#include <stdint.h>

#include "remote/kube/pod_resources.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice message, headers;
	struct pod_resources *pods;
	struct arena arena;
	struct err err;
	size_t n, len = 0;

	if (!size)
		return 0;
	message = (struct slice){ (const char *)data + 1, size - 1 };
	if (data[0] == 'g' &&
		(!slice_next(&message, '\0', &headers) || !message.p ||
			grpc_reply(200, headers, message, &message, &err) < 0))
		return 0;
	arena_init(&arena, 8 << 20);
	if (pod_resources_decode(message, &arena, &pods, &n, &err) >= 0) {
		for (size_t i = 0; i < n; i++) {
			len += strlen(pods[i].name) + strlen(pods[i].pod_namespace);
			for (size_t k = 0; k < pods[i].n_device_ids; k++)
				len += strlen(pods[i].device_ids[k]);
		}
	}
	arena_done(&arena);
	return len > size;
}
