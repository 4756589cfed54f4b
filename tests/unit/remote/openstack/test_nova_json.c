// SPDX-License-Identifier: Apache-2.0
#include "remote/openstack/nova_json.h"

#include <errno.h>
#include <string.h>

#include "unit_test.h"

static struct arena arena;
static struct nova_servers servers;
static const char *marker;
static struct err err;

static int setup(void **state)
{
	arena_init(&arena, 64 << 20);
	servers = (struct nova_servers){ 0 };
	marker = "untouched";
	err = (struct err){ 0 };
	return 0;
}

static int teardown(void **state)
{
	arena_done(&arena);
	return 0;
}

static int parse(const char *text)
{
	return nova_parse_servers(slice_from(text), &arena, &servers, &marker, &err);
}

#define FLAVOR                                                                       \
	"\"flavor\": {\"vcpus\": 4, \"ram\": 8192, \"disk\": 40, \"ephemeral\": 0, " \
	"\"swap\": 512, \"original_name\": \"m2.large\", \"extra_specs\": "          \
	"{\"resources:VGPU\": \"2\", \"hw:cpu_policy\": \"<dedicated>\"}}"
#define SERVER                                                                           \
	"{\"id\": \"5d1c\", \"tenant_id\": \"p-1\", \"user_id\": \"u-1\", "              \
	"\"name\": \"web \\\"1\\\"\", \"status\": \"ACTIVE\", "                          \
	"\"created\": \"2031-04-09T06:00:00Z\", \"updated\": \"2031-04-09T06:10:01Z\", " \
	"\"OS-SRV-USG:launched_at\": \"2031-04-09T06:10:00.250000\", "                   \
	"\"OS-SRV-USG:terminated_at\": null, " FLAVOR ", "                               \
	"\"metadata\": {\"z\": \"1\", \"a\": \"b\\u0000c\"}, \"tags\": [\"y\", \"x\"], " \
	"\"OS-EXT-SRV-ATTR:reservation_id\": \"r-9\", \"OS-EXT-STS:power_state\": 1, "   \
	"\"OS-EXT-AZ:availability_zone\": \"nova\", \"OS-EXT-SRV-ATTR:host\": \"secret\"}"
#define PAGE(server, links) "{\"servers\": [" server "]" links "}"

static void a_server_is_read_with_all_its_fields(void **state)
{
	const struct nova_server *s;

	assert_int_equal(parse(PAGE(SERVER, "")), 0);
	assert_int_equal(servers.n, 1);
	assert_null(marker);
	s = &servers.v[0];
	assert_string_equal(s->id, "5d1c");
	assert_string_equal(s->project_id, "p-1");
	assert_string_equal(s->user_id, "u-1");
	assert_string_equal(s->name, "web \"1\"");
	assert_string_equal(s->status, "ACTIVE");
	assert_string_equal(s->zone, "nova");
	assert_string_equal(s->reservation_id, "r-9");
	assert_string_equal(s->metadata, "{\"a\":\"b\\u0000c\",\"z\":\"1\"}");
	assert_string_equal(s->tags, "[\"y\",\"x\"]");
	assert_int_equal(s->created_us, 1933480800000000);
	assert_int_equal(s->updated_us, 1933481401000000);
	assert_int_equal(s->launched_us, 1933481400250000);
	assert_int_equal(s->terminated_us, 0);
	assert_int_equal(s->power_state, 1);
	assert_string_equal(s->flavor.name, "m2.large");
	assert_string_equal(s->flavor.extra_specs,
		"{\"hw:cpu_policy\":\"\\u003cdedicated\\u003e\",\"resources:VGPU\":\"2\"}");
	assert_int_equal(s->flavor.vcpus, 4);
	assert_int_equal(s->flavor.memory_mib, 8192);
	assert_int_equal(s->flavor.disk_gib, 40);
	assert_int_equal(s->flavor.swap_mib, 512);
	assert_int_equal(s->flavor.vgpus, 2);
}

static void what_is_missing_or_of_another_type_is_empty(void **state)
{
	const struct nova_server *s;

	assert_int_equal(parse(PAGE("{\"id\": \"1\", \"name\": 7, \"created\": \"yesterday\", "
				    "\"updated\": 5, \"tags\": {}, \"metadata\": [], "
				    "\"OS-EXT-STS:power_state\": null, "
				    "\"flavor\": {\"vcpus\": -2, \"ram\": \"x\", \"swap\": \"\", "
				    "\"disk\": 99999999999999, \"extra_specs\": null}}",
				 "")),
		0);
	s = &servers.v[0];
	assert_string_equal(s->name, "");
	assert_string_equal(s->status, "");
	assert_int_equal(s->created_us, 0);
	assert_int_equal(s->updated_us, 0);
	assert_int_equal(s->launched_us, 0);
	assert_string_equal(s->tags, "[]");
	assert_string_equal(s->metadata, "{}");
	assert_string_equal(s->flavor.extra_specs, "{}");
	assert_int_equal(s->power_state, NOVA_POWER_UNKNOWN);
	assert_int_equal(s->flavor.vcpus, 0);
	assert_int_equal(s->flavor.memory_mib, 0);
	assert_int_equal(s->flavor.swap_mib, 0);
	assert_int_equal(s->flavor.disk_gib, (int64_t)1 << 31);
}

static void swap_may_be_a_number_in_a_string(void **state)
{
	assert_int_equal(
		parse(PAGE("{\"id\": \"1\", \"flavor\": {\"vcpus\": 1, \"swap\": \"2048\"}}", "")),
		0);
	assert_int_equal(servers.v[0].flavor.swap_mib, 2048);
}

static void vgpus_that_are_no_number_are_none(void **state)
{
	assert_int_equal(parse(PAGE("{\"id\": \"1\", \"flavor\": {\"vcpus\": 1, \"extra_specs\": "
				    "{\"resources:VGPU\": \"two\"}}}",
				 "")),
		0);
	assert_int_equal(servers.v[0].flavor.vgpus, 0);
}

static void times_are_utc_whatever_they_end_in(void **state)
{
	static const struct {
		const char *text;
		int64_t us;
	} rows[] = {
		{ "2031-04-09T06:00:00", 1933480800000000 },
		{ "2031-04-09T06:00:00Z", 1933480800000000 },
		{ "2031-04-09T06:00:00+02:00", 1933480800000000 },
		{ "2031-04-09T06:00:00.000001", 1933480800000001 },
		{ "2031-04-09T06:00:00.5Z", 1933480800500000 },
		{ "2031-04-09 06:00:00", 0 },
		{ "2031-04-09T06:00:00Zx", 0 },
		{ "2031-02-30T06:00:00Z", 0 },
		{ "", 0 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		char *page = arena_printf(&arena,
			PAGE("{\"id\": \"1\", \"created\": \"%s\", \"flavor\": {\"vcpus\": 1}}",
				""),
			rows[i].text);

		servers.n = 0;
		assert_int_equal(parse(page), 0);
		assert_int_equal(servers.v[0].created_us, rows[i].us);
	}
}

static void servers_without_an_id_are_passed_over(void **state)
{
	assert_int_equal(parse(PAGE("{}, 7, null, {\"id\": \"\"}, {\"id\": 3}, " SERVER, "")), 0);
	assert_int_equal(servers.n, 1);
	assert_string_equal(servers.v[0].id, "5d1c");
}

#define NEXT(href) ", \"servers_links\": [{\"rel\": \"next\", \"href\": \"" href "\"}]"

static void the_marker_of_the_next_page_is_found(void **state)
{
	static const struct {
		const char *page, *marker;
	} rows[] = {
		{ PAGE(SERVER,
			  NEXT("http://nova:8774/v2.1/servers/detail?all_tenants=true&"
			       "marker=5d1c")),
			"5d1c" },
		{ PAGE(SERVER, NEXT("https://elsewhere.example/x?marker=a%20b#f")), "a%20b" },
		{ PAGE(SERVER, NEXT("/v2.1/servers/detail?limit=1")), "5d1c" },
		{ PAGE(SERVER, NEXT("nothing")), "5d1c" },
		{ PAGE(SERVER,
			  ", \"servers_links\": [{\"rel\": \"self\", \"href\": \"?marker=1\"}]"),
			NULL },
		{ PAGE(SERVER, ", \"servers_links\": [{\"rel\": \"next\", \"href\": 7}]"), NULL },
		{ PAGE(SERVER, ", \"servers_links\": \"next\""), NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_int_equal(parse(rows[i].page), 0);
		if (rows[i].marker)
			assert_string_equal(marker, rows[i].marker);
		else
			assert_null(marker);
	}
}

static void a_link_that_would_break_the_request_is_refused(void **state)
{
	assert_int_equal(parse(PAGE("", NEXT("http://h/?marker="))), -EBADMSG);
	assert_int_equal(parse(PAGE("", NEXT("http://h/"))), -EBADMSG);
	/* What stands behind the first strange byte isn't looked at, so the last id serves. */
	assert_int_equal(parse(PAGE(SERVER, NEXT("http://h/?marker=a\\r\\nX: y"))), 0);
	assert_string_equal(marker, "5d1c");
	assert_int_equal(parse(PAGE(SERVER, NEXT("http://h/?marker=a/../b"))), -EBADMSG);
}

static void an_older_nova_is_told_by_its_flavors(void **state)
{
	assert_int_equal(parse(PAGE("{\"id\": \"1\", \"status\": \"ACTIVE\", \"flavor\": "
				    "{\"id\": \"1\", \"links\": []}}",
				 "")),
		-ENOTSUP);
	assert_non_null(strstr(err.text, "2.47"));
	assert_int_equal(servers.n, 0);
}

static void a_cell_that_is_down_is_no_old_nova(void **state)
{
	assert_int_equal(
		parse(PAGE("{\"id\": \"77\", \"status\": \"UNKNOWN\", \"tenant_id\": \"p\"}", "")),
		-EAGAIN);
	assert_non_null(strstr(err.text, "cell"));
	assert_non_null(strstr(err.text, "'77'"));
}

static void what_is_no_list_of_servers_is_refused(void **state)
{
	static const char *const bad[] = { "", "{", "<html>", "[]", "{}", "{\"servers\": {}}",
		"{\"servers\": null}", "null", "\"servers\"", "{\"servers\": []} x" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(parse(bad[i]), -EBADMSG);
	assert_string_equal(marker, "untouched");
}

/* With 1, 2, ... kilobytes of memory, until it is enough. */
static void it_runs_out_of_memory_in_good_order(void **state)
{
	int r = -ENOMEM;

	for (size_t limit = 0; r == -ENOMEM; limit += 1024) {
		struct arena small;
		struct nova_servers list = { 0 };

		assert_true(limit < 1 << 20);
		arena_init(&small, limit);
		r = nova_parse_servers(slice_from(PAGE(SERVER ", " SERVER, NEXT("?marker=5"))),
			&small, &list, &marker, &err);
		assert_true(r == 0 || r == -ENOMEM);
		arena_done(&small);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_server_is_read_with_all_its_fields),
		T(what_is_missing_or_of_another_type_is_empty),
		T(swap_may_be_a_number_in_a_string),
		T(vgpus_that_are_no_number_are_none),
		T(times_are_utc_whatever_they_end_in),
		T(servers_without_an_id_are_passed_over),
		T(the_marker_of_the_next_page_is_found),
		T(a_link_that_would_break_the_request_is_refused),
		T(an_older_nova_is_told_by_its_flavors),
		T(a_cell_that_is_down_is_no_old_nova),
		T(what_is_no_list_of_servers_is_refused),
		T(it_runs_out_of_memory_in_good_order),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
