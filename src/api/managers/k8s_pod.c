// SPDX-License-Identifier: Apache-2.0
#include "api/managers/k8s_pod.h"

#include <errno.h>
#include <stdlib.h>

#include "api/model.h"
#include "basic/buffer.h"
#include "basic/macros.h"
#include "format/json_writer.h"

enum { MS = 1000, MILLI = 1000, CPU_MILLI_MIN = 1, MEMORY_BYTES_MIN = 1 };

/* Users are not service accounts, whose names say so: "system:serviceaccount:NAMESPACE:NAME". */
static const char SERVICE_ACCOUNT[] = "serviceaccount";

/* The texts of a pod, one behind the other. */
enum text { NAME, PROJECT, USERNAME, STATE, ALLOCATION, TAGS, N_TEXTS };

struct texts {
	struct buffer all;
	size_t at[N_TEXTS];
};

static void begin(struct texts *t, enum text which)
{
	t->at[which] = t->all.len;
}

static void put(struct texts *t, enum text which, const char *text)
{
	begin(t, which);
	buffer_append(&t->all, text, strnlen(text, K8S_TEXT_MAX));
	buffer_putc(&t->all, '\0');
}

static const char *annotation(const struct kube_object *object, const char *name)
{
	const char *value = kube_object_annotation(object, name);

	return value ? value : "";
}

static void put_names(
	struct texts *t, const struct kube_object *object, const struct k8s_naming *naming)
{
	const struct strings *users = &naming->username_annotations;
	const struct strings *projects = &naming->project_annotations;
	const char *project = "", *user = "";

	for (size_t i = 0; !*project && i < projects->n; i++)
		project = annotation(object, projects->v[i]);
	if (!*project)
		project = object->object_namespace;
	for (size_t i = 0; !*user && i < users->n; i++) {
		const char *value = annotation(object, users->v[i]);

		if (!strstr(value, SERVICE_ACCOUNT))
			user = value;
	}
	put(t, NAME, object->name);
	put(t, PROJECT, project);
	if (*user) {
		put(t, USERNAME, user);
		return;
	}
	put(t, USERNAME, project);
	t->all.len -= !buffer_error(&t->all); /* its end moves */
	buffer_append(&t->all, ":svc", sizeof(":svc"));
}

static void put_state(struct texts *t, const struct kube_pod *pod)
{
	static const char *const names[] = { [KUBE_PHASE_OTHER] = "Unknown",
		[KUBE_PENDING] = "Pending",
		[KUBE_SUCCEEDED] = "Succeeded",
		[KUBE_FAILED] = "Failed" };

	if (pod->phase != KUBE_RUNNING) {
		put(t, STATE, names[pod->phase]);
		return;
	}
	if (!pod->has_ready) {
		put(t, STATE, "");
		return;
	}
	begin(t, STATE);
	buffer_printf(
		&t->all, "Running/%.*s", K8S_TEXT_MAX, pod->is_ready ? "Ready" : pod->ready_reason);
	buffer_putc(&t->all, '\0');
}

static void write_int(struct json_writer *w, const char *key, int64_t value)
{
	json_writer_key(w, key);
	json_writer_int(w, value);
}

/* The names of the resources are sorted; "mem" and "vcpus" go where they belong. */
static void put_allocation(struct texts *t, const struct kube_object *object,
	const struct strings *gpu_names, struct k8s_pod *pod)
{
	struct json_writer w = json_writer(&t->all);
	bool mem = false, vcpus = false;

	begin(t, ALLOCATION);
	json_writer_open_object(&w);
	for (size_t i = 0; i <= gpu_names->n; i++) {
		const char *name = i < gpu_names->n ? gpu_names->v[i] : NULL;
		int64_t sum, last;

		if (!mem && (!name || strcmp(name, "mem") > 0)) {
			mem = true;
			write_int(&w, "mem", pod->memory_bytes);
		}
		if (!vcpus && (!name || strcmp(name, "vcpus") > 0)) {
			vcpus = true;
			json_writer_key(&w, "vcpus");
			json_writer_double(&w, (double)pod->cpu_milli / MILLI);
		}
		if (!name || !kube_pod_resource(object, name, &sum, &last))
			continue;
		write_int(&w, name, last);
		if (__builtin_add_overflow(pod->gpus, sum, &pod->gpus))
			pod->gpus = INT64_MAX;
	}
	json_writer_close_object(&w);
	buffer_putc(&t->all, '\0');
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* {"a":"b"} of the members that fit the room; nothing if there are none. */
static int write_members(
	struct json_writer *w, const char *key, const json_t *members, size_t *room)
{
	size_t n = 0;
	const char **names;
	const char *name;
	json_t *value;
	bool any = false;

	if (!members)
		return 0;
	names = calloc(json_object_size(members), sizeof(*names));
	if (!names)
		return -ENOMEM;
	json_object_foreach((json_t *)members, name, value)
	{
		if (json_is_string(value))
			names[n++] = name;
	}
	qsort(names, n, sizeof(*names), by_text);
	for (size_t i = 0; i < n; i++) {
		const char *text = json_string_value(json_object_get(members, names[i]));
		const size_t size = strlen(names[i]) + strlen(text);

		if (size > *room)
			continue;
		*room -= size;
		if (!any) {
			json_writer_key(w, key);
			json_writer_open_object(w);
			any = true;
		}
		json_writer_key(w, names[i]);
		json_writer_string(w, text);
	}
	if (any)
		json_writer_close_object(w);
	free(names);
	return 0;
}

static int put_tags(struct texts *t, const struct kube_pod *pod)
{
	struct json_writer w = json_writer(&t->all);
	size_t annotations_room = K8S_TAGS_MAX_BYTES, labels_room = K8S_TAGS_MAX_BYTES;
	int r;

	begin(t, TAGS);
	json_writer_open_object(&w);
	r = write_members(&w, "annotations", pod->annotations, &annotations_room);
	if (r >= 0)
		r = write_members(&w, "labels", pod->labels, &labels_room);
	json_writer_key(&w, "qos");
	json_writer_string_n(&w, pod->qos_class, strnlen(pod->qos_class, K8S_TEXT_MAX));
	json_writer_close_object(&w);
	buffer_putc(&t->all, '\0');
	return r;
}

static int64_t whole_s(int64_t ms)
{
	return ms - ms % MS;
}

/*
 * deletionTimestamp, or else when the last container ended, or else the last transition of a
 * condition: evicted pods have no more. Where the containers had ended before the deletion was
 * asked for, which is its time without the grace, it ended with them.
 */
static int64_t end_of(const struct kube_pod *pod, bool over)
{
	int64_t asked_ms;

	if (!pod->deletion_ms)
		return !over ? 0 : pod->finished_ms ? pod->finished_ms : pod->changed_ms;
	if (over && pod->finished_ms && pod->grace_s >= 0 &&
		!__builtin_mul_overflow(pod->grace_s, MS, &asked_ms) &&
		!__builtin_sub_overflow(pod->deletion_ms, asked_ms, &asked_ms) &&
		pod->finished_ms <= asked_ms)
		return pod->finished_ms;
	return pod->deletion_ms;
}

bool k8s_pod_is_over(const struct k8s_pod *pod)
{
	return pod->phase == KUBE_SUCCEEDED || pod->phase == KUBE_FAILED;
}

bool k8s_pod_has_run(const struct k8s_pod *pod)
{
	return pod->started_ms && (pod->phase == KUBE_RUNNING || k8s_pod_is_over(pod));
}

static int copy(const struct k8s_pod *pod, const struct texts *t, struct k8s_pod **ret_pod)
{
	const size_t size = sizeof(*pod) + t->all.len;
	struct k8s_pod *made = malloc(size);
	char *texts;

	if (!made)
		return -ENOMEM;
	texts = (char *)(made + 1);
	*made = *pod;
	memcpy(texts, t->all.data, t->all.len);
	made->size_bytes = size;
	made->name = texts + t->at[NAME];
	made->project = texts + t->at[PROJECT];
	made->username = texts + t->at[USERNAME];
	made->state = texts + t->at[STATE];
	made->allocation = texts + t->at[ALLOCATION];
	made->tags = texts + t->at[TAGS];
	*ret_pod = made;
	return 0;
}

int k8s_pod_new(
	const struct kube_object *object, const struct k8s_naming *naming, struct k8s_pod **ret_pod)
{
	struct texts texts = { 0 };
	struct kube_pod facts;
	struct k8s_pod pod;
	int r;

	if (!*object->uid)
		return -EBADMSG;
	kube_pod_read(object, &facts);
	pod = (struct k8s_pod){
		.phase = facts.phase,
		.created_ms = whole_s(facts.created_ms),
		.started_ms = whole_s(facts.started_ms),
		.finished_ms = facts.all_finished ? whole_s(facts.finished_ms) : 0,
		.cpu_milli = MAX(facts.cpu_milli, CPU_MILLI_MIN),
		.memory_bytes = MAX(facts.memory_bytes, MEMORY_BYTES_MIN),
	};
	pod.end_ms = whole_s(end_of(&facts, k8s_pod_is_over(&pod)));
	put_names(&texts, object, naming);
	put_state(&texts, &facts);
	put_allocation(&texts, object, &naming->gpu_resource_names, &pod);
	r = put_tags(&texts, &facts);
	if (r >= 0)
		r = buffer_error(&texts.all);
	if (r >= 0)
		r = copy(&pod, &texts, ret_pod);
	buffer_done(&texts.all);
	return r;
}

int k8s_pod_recall(const struct unit *unit, struct k8s_pod **ret_pod)
{
	const struct k8s_pod pod = {
		.phase = unit->started_at_ms ? KUBE_RUNNING : KUBE_PENDING,
		.created_ms = whole_s(unit->created_at_ms),
		.started_ms = whole_s(unit->started_at_ms),
		.cpu_milli = CPU_MILLI_MIN,
		.memory_bytes = MEMORY_BYTES_MIN,
	};
	const char *const fields[N_TEXTS] = {
		[NAME] = unit->name,
		[PROJECT] = unit->project,
		[USERNAME] = unit->username,
		[STATE] = unit->state,
		[ALLOCATION] = unit->allocation,
		[TAGS] = unit->tags,
	};
	struct texts texts = { 0 };
	int r;

	for (int i = 0; i < N_TEXTS; i++) {
		begin(&texts, (enum text)i);
		buffer_append(&texts.all, fields[i], strlen(fields[i]) + 1);
	}
	r = buffer_error(&texts.all);
	if (r >= 0)
		r = copy(&pod, &texts, ret_pod);
	buffer_done(&texts.all);
	return r;
}
