// SPDX-License-Identifier: Apache-2.0
/*
 * Where emission factors of electricity come from (spec exporter-node.md 8.10): a row for each
 * provider, provider_NAME in NAME.c. All factors are in grams of CO2 equivalent per kWh.
 */
#ifndef CEEMS_REMOTE_EMISSIONS_PROVIDER_H
#define CEEMS_REMOTE_EMISSIONS_PROVIDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/clock.h"
#include "basic/err.h"

/* What the program knows, NULL where the environment says nothing. All but user_agent is borrowed
 * and outlives what is opened with it. */
struct http_observer;
struct emission_settings {
	const struct clock *clock;
	const char *user_agent;
	const char *emaps_token; /* may be "" */
	const char *wt_username, *wt_password, *wt_region;
	/* Instead of the public address. */
	const char *rte_base_url, *emaps_base_url, *wt_base_url;
	/* By the scheme of the request. Loopback addresses never go through a proxy. */
	const char *http_proxy, *https_proxy, *no_proxy;
	const struct http_observer *observer; /* of all requests; NULL: nobody */
};

/*
 * What an environment says of them, without user_agent and observer; get is getenv(), or one like
 * it. Variables of proxies are looked for in capitals first, as Go programs do.
 */
struct emission_settings emission_settings_of(
	char *(*get)(const char *name), const struct clock *clock);

struct emission_factor {
	const char *country_code, *country;
	double gco2_per_kwh; /* 0 or less: the provider has none now */
};

/* Where fetch() puts what it gets, one after the other; the texts are copied. -ENOMEM, -ENOSPC. */
typedef int (*emission_found_fn)(void *ctx, const struct emission_factor *factor);
struct emission_sink {
	emission_found_fn found;
	void *ctx;
	/* Counted by fetch(): factors that could not be had this time, and why the first couldn't.
	 */
	size_t n_failed;
	struct err first_failure;
};

struct emission_provider {
	const char *name; /* --collector.emissions.provider=NAME */
	const char *title; /* for people */
	bool always; /* cannot be asked for by name */
	/* How often to fetch; 0: once is enough, fetch() does not wait for anybody. */
	int64_t interval_ns;
	int64_t max_age_ns; /* after which a value is not to be shown any more */
	/* -ENOKEY: the settings lack what it needs, which the sentence names. -ENOMEM. */
	int (*open)(const struct emission_settings *settings, void **ret_state, struct err *err);
	/*
	 * One round of requests, each of 30 s at most. cancel_fd is readable when it should give
	 * up. 0, or -errno when nothing was got. One thread at a time.
	 */
	int (*fetch)(void *state, int cancel_fd, struct emission_sink *sink, struct err *err);
	void (*close)(void *state); /* NULL is fine */
};

extern const struct emission_provider *const emission_providers[]; /* sorted by name */
extern const size_t n_emission_providers;

#endif
