// SPDX-License-Identifier: Apache-2.0
/* The first byte chooses which tool's output the rest is. */
#include <assert.h>
#include <errno.h>

#include "host/amd_smi.h"
#include "host/kfd.h"
#include "host/nvidia_smi.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct gpu_list *list)
{
	assert(list->n <= GPU_LIST_MAX && list->n_mdevs <= GPU_MDEVS_MAX);
	for (size_t i = 0; i < list->n; i++) {
		const struct gpu_device *d = &list->v[i];

		assert(strnlen(d->uuid, GPU_TEXT_MAX) < GPU_TEXT_MAX);
		assert(d->n_instances <= GPU_INSTANCES_MAX);
		assert(str_is_utf8(d->uuid, strlen(d->uuid)));
	}
	for (size_t i = 0; i < list->n_mdevs; i++)
		assert(list->mdevs[i].device < list->n);
	assert(gpu_list_eq(list, list));
}

/* A list to join with: a device that is cut and one that isn't. */
static const char known[] =
	"<nvidia_smi_log><gpu id='0:1:0.0'><uuid>GPU-1</uuid><mig_mode><current_mig>Enabled"
	"</current_mig></mig_mode><mig_devices><mig_device><index>0</index><gpu_instance_id>1"
	"</gpu_instance_id><compute_instance_id>0</compute_instance_id></mig_device></mig_devices>"
	"</gpu><gpu id='0:2:0.0'><uuid>GPU-2</uuid></gpu></nvidia_smi_log>";

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct gpu_list list = { 0 };
	struct nvidia_smi_reading reading;
	struct err err = { 0 };
	struct kfd_node node;
	struct slice text;
	int r = 0;

	if (!size)
		return 0;
	text = (struct slice){ (const char *)data + 1, size - 1 };
	switch (data[0] % 7) {
	case 0:
		r = nvidia_smi_parse(text, &list, &err);
		break;
	case 1:
		r = amd_smi_parse(text, &list, &err);
		break;
	case 2:
		r = rocm_smi_parse(text, &list, &err);
		break;
	case 3:
		assert(nvidia_smi_parse(slice_from(known), &list, &err) == 0);
		nvidia_smi_parse_mig_uuids(text, &list);
		break;
	case 4:
		assert(nvidia_smi_parse(slice_from(known), &list, &err) == 0);
		r = nvidia_smi_parse_mdevs(text, &list);
		assert(r == 0 || r == -E2BIG);
		r = 0;
		break;
	case 5:
		if (nvidia_smi_parse_reading(text, &reading) >= 0)
			assert(reading.use_ppm <= 1000000 && reading.uuid.n <= text.n);
		break;
	default:
		kfd_parse_properties(text, &node);
	}
	assert(r >= 0 || err.text[0]);
	check(&list);
	gpu_list_done(&list);
	return 0;
}
