// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <string.h>

#include "host/ipmi_recording.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is found is found again in what is written of it. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const struct slice text = { (const char *)data, size };
	struct ipmi_answer answer, again;

	if (ipmi_recording_find(text, &dcmi_request_power, &answer) >= 0) {
		struct buffer out = { 0 };

		ipmi_recording_put(&out, &dcmi_request_power, &answer);
		assert(ipmi_recording_find((struct slice){ buffer_text(&out), out.len },
			       &dcmi_request_power, &again) == 0);
		assert(again.n == answer.n && memcmp(again.data, answer.data, again.n) == 0);
		buffer_done(&out);
	}
	return 0;
}
