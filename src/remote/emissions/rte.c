// SPDX-License-Identifier: Apache-2.0
/*
 * France, from the national grid's eCO2mix (open data, no key): the latest value of today that is
 * not null.
 */
#include <errno.h>
#include <stdlib.h>

#include "remote/emissions/replies.h"
#include "remote/emissions/service.h"
#include "remote/emissions/times.h"

static const int64_t S_NS = 1000000000;

static const char RTE_URL[] =
	"https://reseaux-energies-rte.opendatasoft.com/api/explore/v2.1/catalog/datasets/"
	"eco2mix-national-tr/records";

struct rte {
	const struct clock *clock;
	struct emission_service service;
};

static void rte_close(void *state)
{
	struct rte *rte = state;

	if (!rte)
		return;
	emission_service_done(&rte->service);
	free(rte);
}

static int rte_open(const struct emission_settings *settings, void **ret_state, struct err *err)
{
	struct rte *rte = calloc(1, sizeof(*rte));
	int r;

	if (!rte)
		return err_errno(err, -ENOMEM, "rte");
	rte->clock = settings->clock;
	r = emission_service_init(
		&rte->service, settings, settings->rte_base_url, RTE_URL, NULL, NULL, err);
	if (r < 0) {
		rte_close(rte);
		return r;
	}
	*ret_state = rte;
	return 0;
}

static void put_query(const struct rte *rte, struct buffer *query)
{
	char today[EMISSION_TIME_TEXT];
	char where[128];

	emission_date_paris(clock_realtime_ns(rte->clock) / S_NS, today);
	snprintf(where, sizeof(where), "date_heure in [date'%s' TO now()] and taux_co2 is not null",
		today);
	url_append_param(query, "select", "taux_co2,date_heure");
	url_append_param(query, "order_by", "date_heure desc");
	url_append_param(query, "offset", "0");
	url_append_param(query, "limit", "1");
	url_append_param(query, "timezone", "Europe/Paris");
	url_append_param(query, "include_links", "false");
	url_append_param(query, "include_app_metas", "false");
	url_append_param(query, "where", where);
}

static int rte_fetch(void *state, int cancel_fd, struct emission_sink *sink, struct err *err)
{
	struct rte *rte = state;
	struct emission_factor france = { "FR", "France", 0 };
	CLEANUP(http_reply_done) struct http_reply reply = { 0 };
	CLEANUP(buffer_done) struct buffer query = { 0 };
	int r;

	put_query(rte, &query);
	r = emission_service_get(
		&rte->service, "", &query, NULL, EMISSION_REPLY_MAX_BYTES, cancel_fd, &reply, err);
	if (r >= 0)
		r = emission_reply_rte(emission_body(&reply), &france.gco2_per_kwh, err);
	if (r < 0)
		return r;
	r = sink->found(sink->ctx, &france);
	return r < 0 ? err_errno(err, r, "keeping the value") : 0;
}

const struct emission_provider provider_rte = {
	.name = "rte",
	.title = "RTE eCO2 Mix",
	.interval_ns = 1800 * 1000000000LL,
	.max_age_ns = 86400 * 1000000000LL,
	.open = rte_open,
	.fetch = rte_fetch,
	.close = rte_close,
};
