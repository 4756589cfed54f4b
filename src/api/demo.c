// SPDX-License-Identifier: Apache-2.0
/* Invented answers for those who write clients (spec api-server.md 5.13). */
#include <errno.h>
#include <sys/random.h>
#include <time.h>

#include "api/api.h"
#include "basic/num.h"
#include "format/json_writer.h"

enum {
	N_UNITS = 100,
	N_RUNNING = 20,
	N_USERS = 7,
	DAY_S = 24 * 3600,
	HOUR_S = 3600,
	MINUTE_S = 60,
	TIME_TEXT_BYTES = 64,
};

static const struct kind {
	const char *manager;
	const char *projects[6];
	unsigned n_projects;
	const char *running, *ended;
} kinds[] = {
	{ "slurm", { "acc1", "acc2", "acc3", "acc4", "acc5" }, 5, "RUNNING", "COMPLETED" },
	{ "openstack", { "tenant1", "tenant2", "tenant3" }, 3, "ACTIVE", "DELETED" },
	{ "k8s", { "ns1", "ns2", "ns3", "ns4", "ns5", "ns6" }, 6, "Running/Ready", "Succeeded" },
};

/* SplitMix64: a few numbers that look different each time, nothing secret. */
struct dice {
	uint64_t state;
};

static uint64_t roll(struct dice *dice, uint64_t sides)
{
	uint64_t z = dice->state += 0x9e3779b97f4a7c15U;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9U;
	z = (z ^ z >> 27) * 0x94d049bb133111ebU;
	return (z ^ z >> 31) % sides;
}

static struct dice new_dice(const struct api *api)
{
	struct dice dice;

	if (getrandom(&dice, sizeof(dice), GRND_NONBLOCK) != (ssize_t)sizeof(dice))
		dice.state = (uint64_t)api_now_s(api);
	return dice;
}

static void put(struct json_writer *w, const char *key, const char *value)
{
	json_writer_key(w, key);
	json_writer_string(w, value);
}

static void put_number(struct json_writer *w, const char *key, int64_t value)
{
	json_writer_key(w, key);
	json_writer_int(w, value);
}

static void put_time(struct json_writer *w, const char *key, int64_t unix_s)
{
	char text[TIME_TEXT_BYTES] = "";
	time_t t = (time_t)unix_s;
	struct tm tm;

	if (unix_s && gmtime_r(&t, &tm))
		(void)strftime(text, sizeof(text), "%a, %d %b %Y %H:%M:%S UTC", &tm);
	put(w, key, unix_s ? text : "Unknown");
}

/* A map with some of the keys. */
static void put_map(struct json_writer *w, struct dice *dice, const char *name,
	const char *const *keys, uint64_t max)
{
	json_writer_key(w, name);
	json_writer_open_object(w);
	for (; *keys; keys++) {
		char text[NUM_TEXT_MAX];

		json_writer_key(w, *keys);
		json_writer_raw(w, text, num_metric_map((double)roll(dice, max * 100) / 100, text));
	}
	json_writer_close_object(w);
}

static void put_metrics(struct json_writer *w, struct dice *dice, int64_t elapsed_s)
{
	static const char *const usage[] = { "usage", NULL }, *const rte[] = { "rte", NULL };
	static const char *const io[] = { "bytes", "requests", NULL };
	static const char *const network[] = { "bytes", "packets", NULL };
	static const char *const times[] = { "alloc_cpumemtime", "alloc_cputime",
		"alloc_gpumemtime", "alloc_gputime" };

	json_writer_key(w, unit_metric_names[TOTAL_TIME_SECONDS]);
	json_writer_open_object(w);
	for (size_t i = 0; i < ARRAY_SIZE(times); i++)
		put_number(w, times[i], elapsed_s * (int64_t)(1 + roll(dice, 16)));
	put_number(w, "walltime", elapsed_s);
	json_writer_close_object(w);
	for (int i = AVG_CPU_USAGE; i < N_UNIT_METRICS; i++) {
		const char *name = unit_metric_names[i];

		if (str_starts(name, "avg_"))
			put_map(w, dice, name, usage, 100);
		else if (str_ends(name, "_kwh"))
			put_map(w, dice, name, usage, 1000);
		else if (str_ends(name, "_gms"))
			put_map(w, dice, name, rte, 5000);
		else
			put_map(w, dice, name, strstr(name, "_io_") ? io : network, 1000000);
	}
}

static void put_uuid(struct json_writer *w, struct dice *dice, bool numeric)
{
	char text[40];
	uint64_t a = roll(dice, UINT64_MAX), b = roll(dice, UINT64_MAX);

	if (numeric)
		snprintf(text, sizeof(text), "%llu", (unsigned long long)(100000 + a % 900000));
	else /* version 4, RFC 9562 5.4 */
		snprintf(text, sizeof(text), "%08llx-%04llx-4%03llx-%04llx-%012llx",
			(unsigned long long)(a >> 32), (unsigned long long)(a >> 16 & 0xffff),
			(unsigned long long)(a & 0xfff),
			(unsigned long long)(0x8000 | (b >> 48 & 0x3fff)),
			(unsigned long long)(b & 0xffffffffffffU));
	put(w, "uuid", text);
}

static void put_unit(struct json_writer *w, struct dice *dice, int64_t now_s, int index)
{
	const struct kind *kind = &kinds[roll(dice, ARRAY_SIZE(kinds))];
	bool running = index < N_RUNNING;
	int64_t ended_s = running ? now_s : now_s - (int64_t)roll(dice, DAY_S);
	int64_t started_s = ended_s - MINUTE_S - (int64_t)roll(dice, DAY_S);
	int64_t created_s = started_s - (int64_t)roll(dice, HOUR_S);
	int64_t elapsed_s = ended_s - started_s;
	char text[64];

	json_writer_open_object(w);
	snprintf(text, sizeof(text), "%s-%d", kind->manager, (int)roll(dice, 3));
	put(w, "cluster_id", text);
	put(w, "resource_manager", kind->manager);
	put_uuid(w, dice, kind == kinds);
	snprintf(text, sizeof(text), "demo-%d", index);
	put(w, "name", text);
	put(w, "project", kind->projects[roll(dice, kind->n_projects)]);
	put(w, "groupname", "group");
	put(w, "username", "user1");
	put_time(w, "created_at", created_s);
	put_time(w, "started_at", started_s);
	put_time(w, "ended_at", running ? 0 : ended_s);
	/* Seconds, unlike those of real units. */
	put_number(w, "created_at_ts", created_s);
	put_number(w, "started_at_ts", started_s);
	if (!running)
		put_number(w, "ended_at_ts", ended_s);
	snprintf(text, sizeof(text), "%dh%dm%ds", (int)(elapsed_s / HOUR_S),
		(int)(elapsed_s % HOUR_S / MINUTE_S), (int)(elapsed_s % MINUTE_S));
	put(w, "elapsed", text);
	put(w, "state", running ? kind->running : kind->ended);
	json_writer_key(w, "allocation");
	json_writer_open_object(w);
	put_number(w, "cpus", 1 + (int64_t)roll(dice, 64));
	put_number(w, "gpus", (int64_t)roll(dice, 5));
	put_number(w, "mem", (int64_t)(1 + roll(dice, 256)) << 30);
	json_writer_close_object(w);
	put_metrics(w, dice, elapsed_s);
	json_writer_close_object(w);
}

static void begin(struct json_writer *w)
{
	json_writer_open_object(w);
	put(w, "status", "success");
	json_writer_key(w, "data");
	json_writer_open_array(w);
}

static void end(struct json_writer *w)
{
	json_writer_close_array(w);
	json_writer_close_object(w);
	buffer_putc(w->out, '\n');
}

void api_get_demo_units(struct api *api, struct api_request *req, struct api_response *res)
{
	struct json_writer w = json_writer(res->body);
	struct dice dice = new_dice(api);

	begin(&w);
	for (int i = 0; i < N_UNITS; i++)
		put_unit(&w, &dice, api_now_s(api), i);
	end(&w);
}

static void put_usage(struct json_writer *w, struct dice *dice, const struct kind *kind,
	unsigned project, int user)
{
	char text[16];

	json_writer_open_object(w);
	put(w, "cluster_id", "");
	put(w, "resource_manager", kind->manager);
	put_number(w, "num_units", 1 + (int64_t)roll(dice, 1000));
	put(w, "project", kind->projects[project]);
	put(w, "groupname", "group");
	snprintf(text, sizeof(text), "user%d", user);
	put(w, "username", text);
	put_metrics(w, dice, (int64_t)roll(dice, 1000) * HOUR_S);
	json_writer_close_object(w);
}

void api_get_demo_usage(struct api *api, struct api_request *req, struct api_response *res)
{
	struct json_writer w = json_writer(res->body);
	struct dice dice = new_dice(api);

	begin(&w);
	for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
		for (unsigned p = 0; p < kinds[k].n_projects; p++) {
			for (int user = 1; user <= N_USERS; user++) {
				/* Not everybody is everywhere. */
				if (roll(&dice, 2))
					put_usage(&w, &dice, &kinds[k], p, user);
			}
		}
	}
	end(&w);
}
