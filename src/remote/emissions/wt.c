// SPDX-License-Identifier: Apache-2.0
/*
 * WattTime: the marginal emission rate of one region. A login gives a token that is good for half
 * an hour; a new one is got a little earlier, or when the service refuses it.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "remote/emissions/replies.h"
#include "remote/emissions/service.h"
#include "remote/emissions/times.h"

enum {
	TOKEN_MAX_S = 25 * 60,
	WINDOW_S = 15 * 60, /* the service has a value for each 5 minutes, some minutes late */
	AUTHORIZATION_MAX = EMISSION_TOKEN_MAX + 32,
	LOGIN_ARENA_BYTES = 64 << 10,
};

static const char WT_URL[] = "https://api.watttime.org";
static const double G_PER_KWH = 0.453592; /* of a pound per MWh */
static const int64_t S_NS = 1000000000;

struct wt {
	const struct clock *clock;
	const char *region;
	struct emission_service login, data;
	int64_t token_ns; /* monotonic: when it was got */
	char authorization[AUTHORIZATION_MAX]; /* the header with the token; "" = none */
};

static void wt_close(void *state)
{
	struct wt *wt = state;

	if (!wt)
		return;
	emission_service_done(&wt->login);
	emission_service_done(&wt->data);
	explicit_bzero(wt->authorization, sizeof(wt->authorization));
	free(wt);
}

static const char *missing(const struct emission_settings *settings)
{
	const struct {
		const char *name, *value;
	} needed[] = {
		{ "WT_USERNAME", settings->wt_username },
		{ "WT_PASSWORD", settings->wt_password },
		{ "WT_REGION", settings->wt_region },
	};

	for (size_t i = 0; i < ARRAY_SIZE(needed); i++)
		if (!needed[i].value || !*needed[i].value)
			return needed[i].name;
	return NULL;
}

static int wt_open(const struct emission_settings *settings, void **ret_state, struct err *err)
{
	const char *name = missing(settings);
	struct wt *wt;
	int r;

	if (name)
		return err_set(err, -ENOKEY, "the environment variable %s is not set", name);
	wt = calloc(1, sizeof(*wt));
	if (!wt)
		return err_errno(err, -ENOMEM, "wt");
	wt->clock = settings->clock;
	wt->region = settings->wt_region;
	r = emission_service_init(&wt->login, settings, settings->wt_base_url, WT_URL,
		settings->wt_username, settings->wt_password, err);
	if (r >= 0)
		r = emission_service_init(
			&wt->data, settings, settings->wt_base_url, WT_URL, NULL, NULL, err);
	if (r < 0) {
		wt_close(wt);
		return r;
	}
	*ret_state = wt;
	return 0;
}

static int log_in(struct wt *wt, int cancel_fd, struct err *err)
{
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	const char *token = "";
	struct arena arena;
	int r = emission_service_get(
		&wt->login, "login", NULL, NULL, EMISSION_REPLY_MAX_BYTES, cancel_fd, &reply, err);

	if (r < 0)
		return r;
	arena_init(&arena, LOGIN_ARENA_BYTES);
	r = emission_reply_login(emission_body(&reply), &arena, &token, err);
	if (r >= 0) {
		snprintf(wt->authorization, sizeof(wt->authorization), "Authorization: Bearer %s",
			token);
		wt->token_ns = clock_monotonic_ns(wt->clock);
	}
	arena_done(&arena);
	return r;
}

static int ask(struct wt *wt, int cancel_fd, double *ret_lb_per_mwh, struct err *err)
{
	const int64_t now_s = clock_realtime_ns(wt->clock) / S_NS;
	const char *const headers[] = { wt->authorization, NULL };
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer query = { 0 };
	char start[EMISSION_TIME_TEXT], end[EMISSION_TIME_TEXT];
	int r;

	emission_time_utc(now_s - WINDOW_S, start);
	emission_time_utc(now_s, end);
	url_append_param(&query, "start", start);
	url_append_param(&query, "end", end);
	url_append_param(&query, "region", wt->region);
	url_append_param(&query, "signal_type", "co2_moer");
	r = emission_service_get(&wt->data, "v3/historical", &query, headers,
		EMISSION_REPLY_MAX_BYTES, cancel_fd, &reply, err);
	return r < 0 ? r : emission_reply_historical(emission_body(&reply), ret_lb_per_mwh, err);
}

static bool token_is_fresh(const struct wt *wt)
{
	return wt->authorization[0] &&
		clock_monotonic_ns(wt->clock) - wt->token_ns < TOKEN_MAX_S * S_NS;
}

static int wt_fetch(void *state, int cancel_fd, struct emission_sink *sink, struct err *err)
{
	struct wt *wt = state;
	struct emission_factor region = { wt->region, wt->region, 0 };
	const bool kept = token_is_fresh(wt);
	double lb_per_mwh;
	int r = kept ? 0 : log_in(wt, cancel_fd, err);

	if (r >= 0)
		r = ask(wt, cancel_fd, &lb_per_mwh, err);
	if (r == -EACCES && kept) { /* the service has forgotten it earlier than it said */
		r = log_in(wt, cancel_fd, err);
		if (r >= 0)
			r = ask(wt, cancel_fd, &lb_per_mwh, err);
	}
	if (r == -EACCES)
		wt->authorization[0] = '\0';
	if (r < 0)
		return r;
	region.gco2_per_kwh = lb_per_mwh * G_PER_KWH;
	r = sink->found(sink->ctx, &region);
	return r < 0 ? err_errno(err, r, "keeping the value") : 0;
}

const struct emission_provider provider_wt = {
	.name = "wt",
	.title = "Watt Time",
	.interval_ns = 120 * 1000000000LL,
	.max_age_ns = 3 * 3600 * 1000000000LL,
	.open = wt_open,
	.fetch = wt_fetch,
	.close = wt_close,
};
