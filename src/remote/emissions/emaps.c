// SPDX-License-Identifier: Apache-2.0
/*
 * Electricity Maps: the carbon intensity of every zone that it lists, one request each, a few at a
 * time. A plan may cover some zones only: those that are refused are counted as failed, and a round
 * that got any value is a good one.
 */
#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#include "remote/emissions/replies.h"
#include "remote/emissions/service.h"

enum {
	PARALLEL = 8,
	ZONES_ARENA_BYTES = 4 << 20,
	TOKEN_HEADER_MAX = 4096,
};

static const char EMAPS_URL[] = "https://api.electricitymap.org/v3";

struct emaps {
	struct emission_service service;
	char token_header[TOKEN_HEADER_MAX];
	struct arena arena; /* of the zones */
	struct emission_zone *zones;
	size_t n_zones;
};

static void emaps_close(void *state)
{
	struct emaps *emaps = state;

	if (!emaps)
		return;
	emission_service_done(&emaps->service);
	arena_done(&emaps->arena);
	explicit_bzero(emaps->token_header, sizeof(emaps->token_header));
	free(emaps);
}

static int emaps_open(const struct emission_settings *settings, void **ret_state, struct err *err)
{
	const char *token = settings->emaps_token;
	struct emaps *emaps;
	int n, r = 0;

	if (!token)
		return err_set(err, -ENOKEY, "the environment variable EMAPS_API_TOKEN is not set");
	emaps = calloc(1, sizeof(*emaps));
	if (!emaps)
		return err_errno(err, -ENOMEM, "emaps");
	arena_init(&emaps->arena, ZONES_ARENA_BYTES);
	/* Curl's form of a header without a value ends in ';'. */
	n = snprintf(emaps->token_header, sizeof(emaps->token_header), "%s%s",
		*token ? "auth-token: " : "auth-token;", token);
	if (n >= TOKEN_HEADER_MAX || strpbrk(token, "\r\n"))
		r = err_set(err, -EINVAL, "EMAPS_API_TOKEN is no token");
	if (r >= 0)
		r = emission_service_init(&emaps->service, settings, settings->emaps_base_url,
			EMAPS_URL, NULL, NULL, err);
	if (r < 0) {
		emaps_close(emaps);
		return r;
	}
	*ret_state = emaps;
	return 0;
}

/* Zones come and go; an old list is better than none. */
static int list_zones(struct emaps *emaps, int cancel_fd, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	struct emission_zone *zones;
	struct arena arena;
	size_t n;
	int r = emission_service_get(&emaps->service, "zones", NULL, NULL, EMISSION_ZONES_MAX_BYTES,
		cancel_fd, &reply, err);

	arena_init(&arena, ZONES_ARENA_BYTES);
	if (r >= 0)
		r = emission_reply_zones(emission_body(&reply), &arena, &zones, &n, err);
	if (r < 0) {
		arena_done(&arena);
		return emaps->n_zones && r != -ECANCELED ? 0 : r;
	}
	arena_done(&emaps->arena);
	emaps->arena = arena;
	emaps->zones = zones;
	emaps->n_zones = n;
	return 0;
}

/* A round, shared by its threads. */
struct round {
	struct emaps *emaps;
	int cancel_fd;
	pthread_mutex_t lock; /* of what follows */
	struct emission_sink *sink;
	size_t next, n_good;
	int stop; /* -errno that ends the round */
	struct err stop_reason;
};

static int ask_zone(
	struct round *round, const struct emission_zone *zone, double *ret_value, struct err *err)
{
	struct emaps *emaps = round->emaps;
	const char *const headers[] = { emaps->token_header, NULL };
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer query = { 0 };
	int r;

	url_append_param(&query, "zone", zone->key);
	r = emission_service_get(&emaps->service, "carbon-intensity/latest", &query, headers,
		EMISSION_REPLY_MAX_BYTES, round->cancel_fd, &reply, err);
	if (r >= 0)
		r = emission_reply_zone(emission_body(&reply), ret_value, err);
	return r < 0 ? err_prefix(err, r, "zone '%s'", zone->key) : 0;
}

static void note_locked(
	struct round *round, const struct emission_zone *zone, double value, int r, struct err *err)
{
	const struct emission_factor factor = { zone->key, zone->name, value };

	if (r >= 0) {
		r = round->sink->found(round->sink->ctx, &factor);
		round->n_good += r >= 0;
		if (r < 0)
			err_errno(err, r, "keeping zone '%s'", zone->key);
	}
	if (r < 0 && round->sink->n_failed++ == 0)
		round->sink->first_failure = *err;
	/* Told to ask less, to end, or no memory: no zone more. */
	if ((r == -EBUSY || r == -ECANCELED || r == -ENOMEM) && !round->stop) {
		round->stop = r;
		round->stop_reason = *err;
	}
}

static void *ask_zones(void *arg)
{
	struct round *round = arg;
	struct emaps *emaps = round->emaps;

	pthread_mutex_lock(&round->lock);
	while (!round->stop && round->next < emaps->n_zones) {
		const struct emission_zone *zone = &emaps->zones[round->next++];
		struct err err = { 0 };
		double value = 0;
		int r;

		pthread_mutex_unlock(&round->lock);
		r = ask_zone(round, zone, &value, &err);
		pthread_mutex_lock(&round->lock);
		note_locked(round, zone, value, r, &err);
	}
	pthread_mutex_unlock(&round->lock);
	return NULL;
}

/* This thread is one of them, so the round goes on if there can't be more. */
static void run_round(struct round *round)
{
	pthread_t threads[PARALLEL - 1];
	size_t n = 0;

	while (n < ARRAY_SIZE(threads) && n + 1 < round->emaps->n_zones &&
		pthread_create(&threads[n], NULL, ask_zones, round) == 0)
		n++;
	ask_zones(round);
	while (n > 0)
		pthread_join(threads[--n], NULL);
}

static int emaps_fetch(void *state, int cancel_fd, struct emission_sink *sink, struct err *err)
{
	struct emaps *emaps = state;
	struct round round = { .emaps = emaps, .cancel_fd = cancel_fd, .sink = sink };
	int r = list_zones(emaps, cancel_fd, err);

	if (r < 0)
		return r;
	pthread_mutex_init(&round.lock, NULL);
	run_round(&round);
	pthread_mutex_destroy(&round.lock);
	if (round.stop == -ECANCELED || (round.stop && !round.n_good))
		return err_set(err, round.stop, "%s", round.stop_reason.text);
	sink->n_failed += emaps->n_zones - round.next; /* not asked any more */
	if (!round.n_good && sink->first_failure.code)
		return err_set(err, sink->first_failure.code, "%s", sink->first_failure.text);
	return 0;
}

const struct emission_provider provider_emaps = {
	.name = "emaps",
	.title = "Electricity Maps",
	.interval_ns = 1800 * 1000000000LL,
	.max_age_ns = 86400 * 1000000000LL,
	.open = emaps_open,
	.fetch = emaps_fetch,
	.close = emaps_close,
};
