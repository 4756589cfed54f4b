// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_pod.h"

#include <time.h>

#include "basic/civil.h"
#include "basic/macros.h"
#include "remote/kube/kube_quantity.h"

enum { MS = 1000, NS_PER_MS = 1000000, MILLI = 3 };

int64_t kube_time_ms(const char *text)
{
	struct slice rest = slice_from(text);
	struct tm tm = { 0 };
	uint32_t ns;
	int east = 0;

	if (!civil_take_date(&rest, &tm) || !civil_take_char(&rest, 'T') ||
		!civil_take_minute(&rest, &tm) || !civil_take_second(&rest, &tm) ||
		!civil_take_fraction(&rest, &ns))
		return 0;
	if (!civil_take_char(&rest, 'Z') && !civil_take_offset(&rest, true, &east))
		return 0;
	return rest.n ? 0 : ((int64_t)timegm(&tm) - east) * MS + ns / NS_PER_MS;
}

static const char *text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));

	return text ? text : "";
}

static int64_t time_of(const json_t *object, const char *key)
{
	return kube_time_ms(text_of(object, key));
}

static int64_t add(int64_t a, int64_t b)
{
	int64_t sum;

	return __builtin_add_overflow(a, b, &sum) ? INT64_MAX : sum;
}

/* The API server writes quantities as strings, other writers of JSON as numbers, too. */
static bool read_quantity(const json_t *limits, const char *name, int decimals, int64_t *ret)
{
	const json_t *value = json_object_get(limits, name);
	int64_t n;

	if (json_is_integer(value)) {
		n = json_integer_value(value);
		for (int i = 0; i < decimals; i++)
			n = __builtin_mul_overflow(n, 10, &n) ? INT64_MAX : n;
	} else if (!json_is_string(value) ||
		kube_quantity_parse(
			(struct slice){ json_string_value(value), json_string_length(value) },
			decimals, &n) < 0) {
		return false;
	}
	/* Nothing can be had less than not at all. */
	*ret = MAX(n, 0);
	return true;
}

static const json_t *limits_of(const json_t *owner)
{
	return json_object_get(json_object_get(owner, "resources"), "limits");
}

static int64_t limit(const json_t *spec, const char *name, int decimals)
{
	const json_t *container;
	int64_t sum = 0, value;
	size_t i;

	if (read_quantity(limits_of(spec), name, decimals, &value))
		return value;
	json_array_foreach(json_object_get(spec, "containers"), i, container)
	{
		if (read_quantity(limits_of(container), name, decimals, &value))
			sum = add(sum, value);
	}
	return sum;
}

bool kube_pod_resource(
	const struct kube_object *object, const char *name, int64_t *ret_sum, int64_t *ret_last)
{
	const json_t *containers = json_object_get(
		json_object_get(object->json, "spec"), "containers");
	const json_t *container;
	int64_t sum = 0, value = 0;
	bool found = false;
	size_t i;

	json_array_foreach((json_t *)containers, i, container)
	{
		if (!read_quantity(limits_of(container), name, 0, &value))
			continue;
		found = true;
		sum = add(sum, value);
		*ret_last = value;
	}
	if (found)
		*ret_sum = sum;
	return found;
}

/* How many containers of the list there are and how many of them have ended. */
static void read_containers(
	const json_t *statuses, int64_t *latest_ms, size_t *n, size_t *n_finished)
{
	const json_t *status;
	size_t i;

	json_array_foreach((json_t *)statuses, i, status)
	{
		const json_t *terminated = json_object_get(
			json_object_get(status, "state"), "terminated");

		*n += 1;
		*n_finished += json_is_object(terminated);
		*latest_ms = MAX(*latest_ms, time_of(terminated, "finishedAt"));
	}
}

static void read_conditions(const json_t *conditions, struct kube_pod *pod)
{
	const json_t *condition;
	size_t i;

	json_array_foreach((json_t *)conditions, i, condition)
	{
		pod->changed_ms = MAX(pod->changed_ms, time_of(condition, "lastTransitionTime"));
		if (pod->has_ready || !str_eq(text_of(condition, "type"), "Ready"))
			continue;
		pod->has_ready = true;
		pod->is_ready = str_eq(text_of(condition, "status"), "True");
		pod->ready_reason = text_of(condition, "reason");
	}
}

static enum kube_phase phase_of(const char *text)
{
	static const char *const names[] = { [KUBE_PENDING] = "Pending",
		[KUBE_RUNNING] = "Running",
		[KUBE_SUCCEEDED] = "Succeeded",
		[KUBE_FAILED] = "Failed" };

	for (size_t i = KUBE_PENDING; i < ARRAY_SIZE(names); i++)
		if (str_eq(text, names[i]))
			return (enum kube_phase)i;
	return KUBE_PHASE_OTHER;
}

static const json_t *members_of(const json_t *meta, const char *key)
{
	const json_t *object = json_object_get(meta, key);

	return json_object_size(object) ? object : NULL;
}

void kube_pod_read(const struct kube_object *object, struct kube_pod *ret_pod)
{
	const json_t *meta = json_object_get(object->json, "metadata");
	const json_t *spec = json_object_get(object->json, "spec");
	const json_t *status = json_object_get(object->json, "status");
	const json_t *grace = json_object_get(meta, "deletionGracePeriodSeconds");
	size_t n = 0, n_finished = 0, n_init = 0, n_init_finished = 0;

	*ret_pod = (struct kube_pod){
		.phase = phase_of(text_of(status, "phase")),
		.qos_class = text_of(status, "qosClass"),
		.created_ms = time_of(meta, "creationTimestamp"),
		.started_ms = time_of(status, "startTime"),
		.deletion_ms = time_of(meta, "deletionTimestamp"),
		.grace_s = json_is_integer(grace) ? json_integer_value(grace) : -1,
		.ready_reason = "",
		.annotations = members_of(meta, "annotations"),
		.labels = members_of(meta, "labels"),
		.cpu_milli = limit(spec, "cpu", MILLI),
		.memory_bytes = limit(spec, "memory", 0),
	};
	read_containers(json_object_get(status, "containerStatuses"), &ret_pod->finished_ms, &n,
		&n_finished);
	/* One of them may be all that a pod ever came to run. */
	read_containers(json_object_get(status, "initContainerStatuses"), &ret_pod->finished_ms,
		&n_init, &n_init_finished);
	ret_pod->all_finished = n && n == n_finished;
	read_conditions(json_object_get(status, "conditions"), ret_pod);
}
