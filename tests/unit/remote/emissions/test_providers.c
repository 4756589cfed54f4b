// SPDX-License-Identifier: Apache-2.0
/* Providers against a server in this process, with a clock that stands still. */
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "basic/str.h"
#include "net/http_server.h"
#include "remote/emissions/provider.h"
#include "unit_test.h"

enum { MAX_FOUND = 16 };
static const int64_t S_NS = 1000000000;

static struct http_server *server;
static char base[64];
static struct {
	atomic_int logins;
	atomic_bool token_revoked, zones_fail;
	_Atomic int bad_status; /* of the zone "B" */
	char start[64], end[64];
} peer;

static int64_t now_ns;
static int64_t get_now(void *ctx)
{
	return now_ns;
}
static const struct clock still = { get_now, get_now, NULL };

static void answer_zone(struct http_request *req, struct http_response *res)
{
	const char *zone = http_request_param(req, "zone");

	if (str_eq(zone, "B") && peer.bad_status)
		http_response_text(res, peer.bad_status, "no\n");
	else
		buffer_printf(http_response_body(res), "{\"carbonIntensity\":%d}", zone[0]);
}

static void answer_historical(struct http_request *req, struct http_response *res)
{
	const char *auth = http_request_header(req, "Authorization");
	char wanted[64];

	snprintf(wanted, sizeof(wanted), "Bearer token%d", atomic_load(&peer.logins));
	snprintf(peer.start, sizeof(peer.start), "%s", http_request_param(req, "start"));
	snprintf(peer.end, sizeof(peer.end), "%s", http_request_param(req, "end"));
	if (atomic_exchange(&peer.token_revoked, false) || !auth || !str_eq(auth, wanted))
		http_response_text(res, 401, "no\n");
	else
		buffer_puts(http_response_body(res), "{\"data\":[{\"value\":1000}]}");
}

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
	const char *path = http_request_path(req);

	if (str_eq(path, "/zones") && atomic_load(&peer.zones_fail))
		http_response_text(res, 500, "no\n");
	else if (str_eq(path, "/zones"))
		buffer_puts(http_response_body(res),
			"{\"A\":{},\"B\":{},\"C\":{\"zoneName\":\"See\"}}");
	else if (str_eq(path, "/carbon-intensity/latest"))
		answer_zone(req, res);
	else if (str_eq(path, "/login"))
		buffer_printf(http_response_body(res), "{\"token\":\"token%d\"}",
			atomic_fetch_add(&peer.logins, 1) + 1);
	else if (str_eq(path, "/v3/historical"))
		answer_historical(req, res);
	else
		http_response_text(res, 404, "no\n");
}

static struct emission_settings settings(void)
{
	return (struct emission_settings){
		.clock = &still,
		.user_agent = "test",
		.emaps_token = "",
		.wt_username = "alice",
		.wt_password = "x",
		.wt_region = "R",
		.rte_base_url = base,
		.emaps_base_url = base,
		.wt_base_url = base,
	};
}

static const struct emission_provider *provider(const char *name)
{
	for (size_t i = 0; i < n_emission_providers; i++)
		if (str_eq(emission_providers[i]->name, name))
			return emission_providers[i];
	return NULL;
}

struct found {
	struct {
		char code[8], name[16];
		double value;
	} v[MAX_FOUND];
	size_t n;
};

static int note(void *ctx, const struct emission_factor *factor)
{
	struct found *found = ctx;

	if (found->n == MAX_FOUND)
		return -ENOSPC;
	snprintf(found->v[found->n].code, sizeof(found->v[0].code), "%s", factor->country_code);
	snprintf(found->v[found->n].name, sizeof(found->v[0].name), "%s", factor->country);
	found->v[found->n++].value = factor->gco2_per_kwh;
	return 0;
}

/* One round; the sink stays for a look at it. */
static int fetch(const struct emission_provider *p, void *s, struct found *found,
	struct emission_sink *ret_sink, struct err *err)
{
	*found = (struct found){ 0 };
	*ret_sink = (struct emission_sink){ .found = note, .ctx = found };
	*err = (struct err){ 0 };
	return p->fetch(s, -1, ret_sink, err);
}

static double value_of(const struct found *found, const char *code)
{
	for (size_t i = 0; i < found->n; i++)
		if (str_eq(found->v[i].code, code))
			return found->v[i].value;
	return 0;
}

static void providers_are_complete_and_sorted(void **state)
{
	for (size_t i = 0; i < n_emission_providers; i++) {
		const struct emission_provider *p = emission_providers[i];

		assert_true(p->open && p->fetch && p->close && p->title);
		assert_true((p->interval_ns > 0) == (p->max_age_ns > 0));
		assert_true(p->max_age_ns >= 4 * p->interval_ns);
		if (i)
			assert_true(strcmp(emission_providers[i - 1]->name, p->name) < 0);
	}
}

static void what_is_not_configured_says_what_it_needs(void **state)
{
	struct emission_settings s = settings();
	struct err err;
	void *p;

	s.emaps_token = NULL;
	assert_int_equal(provider("emaps")->open(&s, &p, &err), -ENOKEY);
	assert_non_null(strstr(err.text, "EMAPS_API_TOKEN"));
	s.emaps_token = "a\r\nX: y";
	assert_int_equal(provider("emaps")->open(&s, &p, &err), -EINVAL);
	s.wt_region = "";
	assert_int_equal(provider("wt")->open(&s, &p, &err), -ENOKEY);
	assert_non_null(strstr(err.text, "WT_REGION"));
	s.rte_base_url = "ftp://x/";
	assert_int_equal(provider("rte")->open(&s, &p, &err), 0);
	provider("rte")->close(p);
}

static void one_bad_zone_costs_only_itself(void **state)
{
	const struct emission_provider *p = provider("emaps");
	struct emission_settings s = settings();
	struct emission_sink sink;
	struct found found;
	struct err err;
	void *emaps;

	assert_int_equal(p->open(&s, &emaps, &err), 0);
	assert_int_equal(fetch(p, emaps, &found, &sink, &err), 0);
	assert_int_equal(found.n, 3);
	assert_int_equal(sink.n_failed, 0);
	assert_true(value_of(&found, "A") == 'A' && value_of(&found, "C") == 'C');

	peer.bad_status = 500;
	assert_int_equal(fetch(p, emaps, &found, &sink, &err), 0);
	assert_int_equal(found.n, 2);
	assert_int_equal(sink.n_failed, 1);
	assert_non_null(strstr(sink.first_failure.text, "zone 'B'"));

	/* The list of zones is kept when it can't be had again. */
	atomic_store(&peer.zones_fail, true);
	peer.bad_status = 0;
	assert_int_equal(fetch(p, emaps, &found, &sink, &err), 0);
	assert_int_equal(found.n, 3);
	p->close(emaps);

	/* Without one there is nothing to ask for. */
	assert_int_equal(p->open(&s, &emaps, &err), 0);
	assert_int_equal(fetch(p, emaps, &found, &sink, &err), -EIO);
	assert_non_null(strstr(err.text, "zones answers with HTTP status 500"));
	p->close(emaps);
	atomic_store(&peer.zones_fail, false);
}

static void a_full_store_fails_zones_and_not_the_program(void **state)
{
	const struct emission_provider *p = provider("emaps");
	struct emission_settings s = settings();
	struct found found = { .n = MAX_FOUND };
	struct emission_sink sink = { .found = note, .ctx = &found };
	struct err err;
	void *emaps;

	assert_int_equal(p->open(&s, &emaps, &err), 0);
	assert_int_equal(p->fetch(emaps, -1, &sink, &err), -ENOSPC);
	assert_int_equal(sink.n_failed, 3);
	p->close(emaps);
}

static void a_token_is_used_until_it_is_old_or_refused(void **state)
{
	const struct emission_provider *p = provider("wt");
	struct emission_settings s = settings();
	struct emission_sink sink;
	struct found found;
	struct err err;
	void *wt;

	now_ns = 1743372000 * S_NS;
	atomic_store(&peer.logins, 0);
	assert_int_equal(p->open(&s, &wt, &err), 0);
	assert_int_equal(fetch(p, wt, &found, &sink, &err), 0);
	assert_true(value_of(&found, "R") == 1000 * 0.453592);
	assert_string_equal(peer.start, "2025-03-30T21:45:00Z");
	assert_string_equal(peer.end, "2025-03-30T22:00:00Z");

	now_ns += (25 * 60 - 1) * S_NS;
	assert_int_equal(fetch(p, wt, &found, &sink, &err), 0);
	assert_int_equal(atomic_load(&peer.logins), 1);
	now_ns += 1 * S_NS;
	assert_int_equal(fetch(p, wt, &found, &sink, &err), 0);
	assert_int_equal(atomic_load(&peer.logins), 2);

	atomic_store(&peer.token_revoked, true);
	assert_int_equal(fetch(p, wt, &found, &sink, &err), 0);
	assert_int_equal(atomic_load(&peer.logins), 3);
	p->close(wt);
}

static void a_status_is_checked(void **state)
{
	const struct emission_provider *p = provider("rte");
	struct emission_settings s = settings();
	struct emission_sink sink;
	struct found found;
	struct err err;
	void *rte;

	assert_int_equal(p->open(&s, &rte, &err), 0);
	assert_int_equal(fetch(p, rte, &found, &sink, &err), -EIO);
	assert_non_null(strstr(err.text, "HTTP status 404"));
	assert_int_equal(found.n, 0);
	p->close(rte);
}

static void a_round_can_be_cancelled(void **state)
{
	const struct emission_provider *p = provider("emaps");
	struct emission_settings s = settings();
	struct found found = { 0 };
	struct emission_sink sink = { .found = note, .ctx = &found };
	int cancel_fd = eventfd(1, EFD_CLOEXEC);
	struct err err;
	void *emaps;

	assert_int_equal(p->open(&s, &emaps, &err), 0);
	assert_int_equal(p->fetch(emaps, cancel_fd, &sink, &err), -ECANCELED);
	p->close(emaps);
	close(cancel_fd);
}

static int start_server(void **state)
{
	static const char *address = "127.0.0.1:0";
	struct http_server_config config = {
		.listen_addresses = { &address, 1 },
		.threads = 4,
		.max_header_bytes = 64 << 10,
		.max_response_bytes = 1 << 20,
		.header_timeout_ms = 20000,
		.idle_timeout_ms = 20000,
		.handler = handle,
	};
	struct err err;

	if (http_server_open(&config, &server, &err) < 0 || http_server_serve(server, &err) < 0)
		return -1;
	snprintf(base, sizeof(base), "http://127.0.0.1:%d", http_server_port(server, 0));
	return 0;
}

static int stop_server(void **state)
{
	http_server_stop(server, 1000);
	return 0;
}

static char *environment(const char *name)
{
	static char token[] = "t", capitals[] = "http://a:1", small[] = "http://b:1", empty[] = "";

	if (str_eq(name, "EMAPS_API_TOKEN"))
		return token;
	if (str_eq(name, "HTTP_PROXY"))
		return capitals;
	if (str_eq(name, "HTTPS_PROXY"))
		return empty;
	return str_eq(name, "http_proxy") || str_eq(name, "https_proxy") ? small : NULL;
}

static void proxies_in_capitals_come_first(void **state)
{
	const struct emission_settings settings = emission_settings_of(environment, clock_system());

	assert_string_equal(settings.emaps_token, "t");
	assert_string_equal(settings.http_proxy, "http://a:1");
	assert_string_equal(settings.https_proxy, "http://b:1");
	assert_null(settings.no_proxy);
	assert_null(settings.wt_username);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(providers_are_complete_and_sorted),
		TEST(what_is_not_configured_says_what_it_needs),
		TEST(one_bad_zone_costs_only_itself),
		TEST(a_full_store_fails_zones_and_not_the_program),
		TEST(a_token_is_used_until_it_is_old_or_refused),
		TEST(a_status_is_checked),
		TEST(a_round_can_be_cancelled),
		TEST(proxies_in_capitals_come_first),
	};

	return cmocka_run_group_tests(tests, start_server, stop_server);
}
