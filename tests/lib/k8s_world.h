// SPDX-License-Identifier: Apache-2.0
/*
 * For tests of pods as units: a table of pods, facts that become objects of the API server,
 * windows. Times are seconds after T0, 2031-04-09T06:00:00Z; the zone is +02:00.
 */
#ifndef CEEMS_TESTS_K8S_WORLD_H
#define CEEMS_TESTS_K8S_WORLD_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "api/managers/k8s_pods.h"
#include "api/metric_map.h"
#include "unit_test.h"

enum { MS = 1000, WINDOW_S = 900, LATE_S = 1200 };

/* 2031-04-09T06:00:00Z */
#define T0 INT64_C(1933480800)

static const char *users[] = { "ceems.io/created-by", "team.example/owner" };
static const char *projects[] = { "team.example/project" };
static const char *gpus[] = { "amd.com/gpu", "nvidia.com/gpu" };
static const struct k8s_naming naming = { { users, 2 }, { projects, 1 }, { gpus, 2 } };

static struct k8s_pods *pods;
static struct timezone_ *zone, *utc;
static struct arena arena;
static struct unit_list units;
static struct window window;
static struct err err;

static inline int setup(void **state)
{
	assert_int_equal(k8s_pods_new(&naming, &pods), 0);
	assert_int_equal(timezone_new("Europe/Berlin", &zone, &err), 0);
	assert_int_equal(timezone_new("UTC", &utc, &err), 0);
	arena_init(&arena, 64 << 20);
	return 0;
}

static inline int teardown(void **state)
{
	k8s_pods_free(pods);
	timezone_free(zone);
	timezone_free(utc);
	arena_done(&arena);
	return 0;
}

/* "" or a member with the time of so many seconds after T0. */
static inline const char *time_member(char text[static 64], const char *name, int64_t s)
{
	char zdt[TIME_TEXT_MAX];

	text[0] = '\0';
	if (s < 0)
		return text;
	time_format_zdt(utc, (T0 + s) * MS, zdt);
	snprintf(text, 64, ",\"%s\":\"%.19sZ\"", name, zdt);
	return text;
}

/* Seconds after T0; negative: not there. */
struct facts {
	const char *uid, *phase;
	int64_t created, start, deletion, finished;
	const char *more_meta, *more_status;
};

static inline struct kube_object make(const struct facts *f)
{
	char created[64], start[64], deletion[64], finished[64], text[2048];
	json_t *json;

	snprintf(text, sizeof(text),
		"{\"metadata\":{\"x\":0%s%s%s},\"spec\":{\"containers\":[{\"resources\":{\"limits\":"
		"{\"cpu\":\"2\",\"memory\":\"1Ki\",\"nvidia.com/gpu\":\"1\"}}}]},"
		"\"status\":{\"phase\":\"%s\",\"qosClass\":\"Burstable\"%s%s,"
		"\"containerStatuses\":[{\"state\":{\"terminated\":{\"x\":0%s}}}]}}",
		time_member(created, "creationTimestamp", f->created),
		time_member(deletion, "deletionTimestamp", f->deletion),
		f->more_meta ? f->more_meta : "", f->phase,
		time_member(start, "startTime", f->start), f->more_status ? f->more_status : "",
		time_member(finished, "finishedAt", f->finished));
	if (f->finished < 0)
		*strstr(text, "terminated") = 'T';
	json = json_loads(text, 0, NULL);
	assert_non_null(json);
	return (struct kube_object){ .name = "pod",
		.object_namespace = "ns",
		.uid = f->uid,
		.resource_version = "1",
		.json = json };
}

static inline void tell(struct facts f, int64_t now_s)
{
	struct kube_object object = make(&f);

	assert_int_equal(k8s_pods_put(pods, &object, (T0 + now_s) * MS), 0);
	json_decref((json_t *)object.json);
}

static inline void remove_pod(struct facts f, int64_t now_s)
{
	struct kube_object object = make(&f);

	assert_int_equal(k8s_pods_remove(pods, &object, (T0 + now_s) * MS), 0);
	json_decref((json_t *)object.json);
}

#define RUNNING(name, created_s, start_s) \
	((struct facts){ .uid = (name),   \
		.phase = "Running",       \
		.created = (created_s),   \
		.start = (start_s),       \
		.deletion = -1,           \
		.finished = -1 })
#define PENDING(name, created_s)        \
	((struct facts){ .uid = (name), \
		.phase = "Pending",     \
		.created = (created_s), \
		.start = -1,            \
		.deletion = -1,         \
		.finished = -1 })

/* Window [from, to), asked for some seconds after its end. */
static inline void ask(int64_t from_s, int64_t to_s)
{
	struct k8s_window in = { &window, zone, "k", (T0 + to_s + 10) * MS };

	arena_reset(&arena);
	units = (struct unit_list){ 0 };
	window = (struct window){ (T0 + from_s - LATE_S) * MS, (T0 + from_s) * MS,
		(T0 + to_s) * MS };
	assert_int_equal(k8s_pods_units(pods, &in, &arena, &units), 0);
}

static inline void store(int64_t from_s, int64_t to_s)
{
	ask(from_s, to_s);
	k8s_pods_stored(pods, &window);
}

static inline const struct unit *unit(const char *uuid)
{
	for (size_t i = 0; i < units.n; i++)
		if (strcmp(units.v[i].uuid, uuid) == 0)
			return &units.v[i];
	return NULL;
}

static inline double walltime(const char *uuid)
{
	const struct unit *u = unit(uuid);

	return u ? metric_map_get(&u->metrics[TOTAL_TIME_SECONDS], "walltime") : -1;
}

static inline void list(int64_t now_s)
{
	k8s_pods_begin(pods, (T0 + now_s) * MS);
	k8s_pods_end(pods);
}

#define PODS_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

#endif
