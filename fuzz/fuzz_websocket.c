// SPDX-License-Identifier: Apache-2.0
/* Frames of a server, each taken as a message of a command that was run in a pod. */
#include <stdint.h>
#include <stdlib.h>

#include "format/websocket.h"
#include "remote/kube/kube_exec.h"

enum { MAX_BYTES = 1 << 16 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct slice rest = { (const char *)data, size };
	struct buffer out;
	struct kube_exec_output output = { .out = &out };
	struct websocket_frame frame;

	buffer_init(&out, MAX_BYTES);
	while (websocket_next(&rest, MAX_BYTES, &frame) > 0) {
		if (frame.payload.n > MAX_BYTES || rest.p > (const char *)data + size)
			abort();
		(void)kube_exec_take(&output, frame.payload);
	}
	buffer_done(&out);
	return 0;
}
