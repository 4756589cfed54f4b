// SPDX-License-Identifier: Apache-2.0
/* The OpenStack manager against tests/lib/fake_openstack.py, with a clock of its own. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "api/managers/openstack_accounts.h"
#include "api/metric_map.h"
#include "basic/buffer.h"
#include "basic/file.h"
#include "unit_test.h"

enum { T0 = 1933480800, HOUR = 3600, MS = 1000 }; /* 2031-04-09T06:00:00Z */

static char dir[] = "/tmp/ceems-test.XXXXXX";
static pid_t cloud;
static int port, log_fd, cancel_fd;
static int64_t now_s;
static struct arena arena;
static struct timezone_ *zone;
static struct log test_log;
static struct err err;

static int64_t read_clock(void *ctx)
{
	return now_s * 1000000000;
}

static const struct clock test_clock = { read_clock, read_clock, NULL };

static char *path(const char *name)
{
	return arena_printf(&arena, "%s/%s", dir, name);
}

/* At once, because the cloud may be reading it. */
static void put_file(const char *name, const char *text)
{
	FILE *f = fopen(path("new"), "w");

	assert_non_null(f);
	fputs(text, f);
	assert_int_equal(fclose(f), 0);
	assert_int_equal(rename(path("new"), path(name)), 0);
}

static const char *get_file(const char *name)
{
	struct buffer buf = { 0 };
	const char *text;

	file_read(AT_FDCWD, path(name), 64 << 20, &buf);
	text = arena_strdup(&arena, buffer_text(&buf));
	buffer_done(&buf);
	return text;
}

static size_t count(const char *text, const char *word)
{
	size_t n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static size_t logged(const char *word)
{
	char text[65536] = "";
	ssize_t n = pread(log_fd, text, sizeof(text) - 1, 0);

	text[MAX(n, 0)] = '\0';
	return count(text, word);
}

#define USERS                                                                                 \
	"\"password\": \"pw\", \"users\": [{\"id\": \"u1\", \"name\": \"mira\"}, {\"id\": "   \
	"\"u2\", \"name\": \"zoe\"}], \"projects\": [{\"id\": \"p1\", \"name\": \"astro\"}, " \
	"{\"id\": \"p2\", \"name\": \"bio\"}]"
#define SERVER(id, more) \
	"{\"id\": \"" id "\", \"tenant_id\": \"p1\", \"user_id\": \"u1\", " more "}"
#define CLOUD(members, servers) \
	"{" USERS ", \"members\": {" members "}, \"servers\": [" servers "]}"
#define MEMBERS "\"u1\": [\"p1\", \"p2\"], \"u2\": [\"p1\"]"
#define LAUNCHED(time) "\"OS-SRV-USG:launched_at\": \"" time "\""
#define WEB SERVER("web", LAUNCHED("2031-04-09T05:00:00.250000"))

static int start_cloud(void **state)
{
	const char *source = getenv("CEEMS_SOURCE");
	char script[4096];

	arena_init(&arena, 1 << 30);
	assert_non_null(mkdtemp(dir));
	snprintf(script, sizeof(script), "%s/tests/lib/fake_openstack.py", source ? source : ".");
	cloud = fork();
	if (cloud == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		execl("/usr/bin/python3", "python3", script, dir, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 3000 && !*get_file("port"); i++)
		usleep(10000);
	port = atoi(get_file("port"));
	assert_true(port > 0);
	return timezone_new("Europe/Paris", &zone, &err);
}

static int stop_cloud(void **state)
{
	static const char *const names[] = { "cloud.json", "fault", "new", "parallel", "port",
		"requests", "tokens", "violations" };

	kill(cloud, SIGKILL);
	waitpid(cloud, NULL, 0);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++)
		unlink(path(names[i]));
	rmdir(dir);
	timezone_free(zone);
	arena_done(&arena);
	return 0;
}

static int setup(void **state)
{
	put_file("cloud.json", CLOUD(MEMBERS, WEB));
	put_file("fault", "");
	put_file("requests", "");
	put_file("tokens", "");
	put_file("parallel", "");
	unlink(path("violations"));
	now_s = T0;
	cancel_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	log_fd = open("/tmp", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
	test_log = (struct log){ log_fd, LOG_LEVEL_INFO, LOG_FORMAT_LOGFMT, clock_system() };
	return 0;
}

static int teardown(void **state)
{
	close(log_fd);
	close(cancel_fd);
	assert_string_equal(get_file("violations"), "");
	return 0;
}

static int open_with(const char *auth, void **ret_state)
{
	const char *yaml = arena_printf(&arena,
		"api_service_endpoints: {identity: 'http://127.0.0.1:%d/v3/', compute: "
		"'http://127.0.0.1:%d/v2.1/'}\nauth: %s\n",
		port, port, auth);
	struct cluster_config *cluster = ARENA_NEW(&arena, struct cluster_config);
	struct manager_env env = { .cluster = cluster,
		.zone = zone,
		.clock = &test_clock,
		.log = &test_log,
		.config_name = "config.yml",
		.config_dir = "/",
		.cancel_fd = cancel_fd };

	cluster->id = "cloud";
	assert_int_equal(config_parse(yaml, strlen(yaml), "config.yml", &arena,
				 &cluster->extra_config, &err),
		0);
	return manager_openstack.open(&env, ret_state, &err);
}

#define AUTH                                                                                      \
	"{identity: {methods: [password], password: {user: {name: ceems, domain: {id: default}, " \
	"password: pw}}}}"

static void *opened(void)
{
	void *state = NULL;

	if (open_with(AUTH, &state) < 0)
		fail_msg("%s", err.text);
	return state;
}

static int fetch(void *state, int64_t start_s, int64_t end_s, struct unit_list *ret_units)
{
	const struct window window = { (start_s - 60) * MS, start_s * MS, end_s * MS };

	*ret_units = (struct unit_list){ 0 };
	return manager_openstack.fetch_units(state, &window, &arena, ret_units, &err);
}

static void store(void *state, int64_t start_s, int64_t end_s)
{
	const struct window window = { (start_s - 60) * MS, start_s * MS, end_s * MS };

	manager_openstack.stored(state, &window);
}

static struct user_list users;
static struct project_list projects;

static void fetch_accounts(void *state)
{
	users = (struct user_list){ 0 };
	projects = (struct project_list){ 0 };
	if (manager_openstack.fetch_accounts(state, now_s * MS, &arena, &users, &projects, &err) <
		0)
		fail_msg("%s", err.text);
}

static const char *joined(const struct strings *list)
{
	const char *text = "";

	for (size_t i = 0; i < list->n; i++)
		text = arena_printf(&arena, "%s%s%s", text, *text ? " " : "", list->v[i]);
	return text;
}

static double time_of(const struct unit *unit, const char *key)
{
	return metric_map_get(&unit->metrics[TOTAL_TIME_SECONDS], key);
}

static void a_server_becomes_a_unit(void **state)
{
	struct unit_list units;
	void *o = opened();

	assert_int_equal(fetch(o, T0 - HOUR, T0, &units), 0);
	assert_int_equal(units.n, 1);
	assert_string_equal(units.v[0].resource_manager, "openstack");
	assert_string_equal(units.v[0].cluster_id, "cloud");
	assert_string_equal(units.v[0].uuid, "web");
	assert_string_equal(units.v[0].project, "astro");
	assert_string_equal(units.v[0].username, "mira");
	assert_string_equal(units.v[0].groupname, "");
	assert_string_equal(units.v[0].created_at, "2031-04-09T07:00:00+0200");
	assert_string_equal(units.v[0].started_at, "2031-04-09T07:00:00+0200");
	assert_int_equal(units.v[0].started_at_ms, (T0 - HOUR) * INT64_C(1000) + 250);
	assert_string_equal(units.v[0].ended_at, "N/A");
	assert_int_equal(units.v[0].ended_at_ms, 0);
	assert_string_equal(units.v[0].elapsed, "00:59:59");
	assert_string_equal(units.v[0].state, "ACTIVE");
	assert_true(time_of(&units.v[0], "walltime") == HOUR - 0.25);
	assert_true(time_of(&units.v[0], "alloc_cpumemtime") == 512 * (HOUR - 0.25));
	assert_true(time_of(&units.v[0], "alloc_gputime") == 0);
	manager_openstack.close(o);
}

static void the_token_is_renewed_after_55_minutes(void **state)
{
	struct unit_list units;
	void *o = opened();

	now_s += OPENSTACK_TOKEN_LIFE_S - 1;
	assert_int_equal(fetch(o, T0 - 60, T0, &units), 0);
	assert_int_equal(count(get_file("tokens"), "token"), 1);
	now_s++;
	assert_int_equal(fetch(o, T0 - 60, T0, &units), 0);
	assert_int_equal(count(get_file("tokens"), "token"), 2);
	assert_int_equal(fetch(o, T0 - 60, T0, &units), 0);
	assert_int_equal(count(get_file("tokens"), "token"), 2);
	manager_openstack.close(o);
}

static void accounts_are_kept_for_12_hours(void **state)
{
	void *o = opened();

	fetch_accounts(o);
	assert_int_equal(users.n, 2);
	assert_string_equal(users.v[0].uid, "u1");
	assert_string_equal(users.v[0].name, "mira");
	assert_string_equal(joined(&users.v[0].projects), "astro bio");
	assert_string_equal(joined(&users.v[1].projects), "astro");
	assert_int_equal(projects.n, 2);
	assert_string_equal(projects.v[0].uid, "p1");
	assert_string_equal(joined(&projects.v[0].users), "mira zoe");
	/* Of the first time in the zone of the machine, which is UTC in tests. */
	assert_string_equal(users.v[0].last_updated_at, "2031-04-09T06:00:00+0000");
	put_file("cloud.json", CLOUD("\"u1\": [\"p2\"]", ""));
	now_s += OPENSTACK_ACCOUNTS_LIFE_S - 1;
	fetch_accounts(o);
	assert_string_equal(joined(&users.v[0].projects), "astro bio");
	assert_string_equal(users.v[0].last_updated_at, "2031-04-09T06:00:00+0000");
	now_s++;
	fetch_accounts(o);
	assert_string_equal(joined(&users.v[0].projects), "bio");
	assert_string_equal(users.v[1].name, "zoe");
	assert_string_equal(joined(&users.v[1].projects), "");
	assert_string_equal(users.v[1].uid, "u2");
	assert_string_equal(users.v[0].last_updated_at, "2031-04-09T20:00:00+0200");
	manager_openstack.close(o);
}

static void what_fails_stays_as_it_was_and_is_tried_again(void **state)
{
	void *o = opened();

	fetch_accounts(o);
	put_file("cloud.json", CLOUD("\"u1\": [\"p2\"], \"u2\": [\"p2\"]", ""));
	put_file("fault", "projects:u2:500");
	now_s += OPENSTACK_ACCOUNTS_LIFE_S;
	fetch_accounts(o);
	assert_string_equal(joined(&users.v[0].projects), "bio");
	assert_string_equal(joined(&users.v[1].projects), "astro");
	assert_int_equal(logged("cannot be had from Keystone"), 1);
	put_file("requests", "");
	fetch_accounts(o);
	assert_int_equal(logged("cannot be had from Keystone"), 1);
	assert_string_equal(get_file("requests"), "GET /v3/users/u2/projects \n");
	put_file("fault", "");
	fetch_accounts(o);
	assert_string_equal(joined(&users.v[1].projects), "bio");
	assert_int_equal(logged("can be had from Keystone again"), 1);
	put_file("requests", "");
	fetch_accounts(o);
	assert_string_equal(get_file("requests"), "");
	manager_openstack.close(o);
}

static void a_list_of_users_that_fails_stays_as_it_was(void **state)
{
	void *o = opened();

	put_file("fault", "users:500");
	now_s += OPENSTACK_ACCOUNTS_LIFE_S;
	fetch_accounts(o);
	fetch_accounts(o);
	assert_int_equal(users.n, 2);
	assert_int_equal(logged("cannot be had from Keystone"), 1);
	put_file("fault", "");
	put_file("cloud.json", CLOUD("", ""));
	fetch_accounts(o);
	assert_int_equal(projects.n, 0);
	assert_int_equal(logged("can be had from Keystone again"), 1);
	manager_openstack.close(o);
}

static void nothing_is_told_before_all_projects_are_known(void **state)
{
	void *o;

	put_file("fault", "projects:u2:500");
	o = opened();
	fetch_accounts(o);
	assert_int_equal(users.n, 0);
	assert_int_equal(projects.n, 0);
	now_s += OPENSTACK_PATIENCE_S;
	fetch_accounts(o);
	assert_int_equal(users.n, 2);
	assert_string_equal(joined(&users.v[1].projects), "");
	assert_string_equal(joined(&projects.v[0].users), "mira");
	manager_openstack.close(o);
}

static void a_service_in_trouble_is_not_asked_for_each_user(void **state)
{
	struct buffer text = { 0 };
	void *o;

	buffer_puts(&text,
		"{\"password\": \"pw\", \"projects\": [], \"members\": {}, \"servers\": [], "
		"\"users\": [{\"id\": \"u\", \"name\": \"u\"}");
	for (int i = 0; i < 300; i++)
		buffer_printf(&text, ", {\"id\": \"u%d\", \"name\": \"n%d\"}", i, i);
	buffer_puts(&text, "]}");
	put_file("cloud.json", text.data);
	o = opened();
	assert_int_equal(count(get_file("requests"), "/projects"), 301);
	assert_true(atoi(get_file("parallel")) <= OPENSTACK_PARALLEL);
	manager_openstack.close(o);

	buffer_clear(&text);
	buffer_puts(&text, "projects:u:503\n");
	for (int i = 0; i < 300; i++)
		buffer_printf(&text, "projects:u%d:503\n", i);
	put_file("fault", text.data);
	put_file("requests", "");
	o = opened();
	assert_true(count(get_file("requests"), "/projects") <=
		OPENSTACK_FAILURES_MAX + OPENSTACK_PARALLEL + 1);
	manager_openstack.close(o);
	buffer_done(&text);
}

#define RESIZED                                                         \
	SERVER("web",                                                   \
		LAUNCHED(                                               \
			"2031-04-09T06:10:00.000000") ", \"updated\": " \
						      "\"2031-04-09T06:10:01Z\", \"flavor\": {\"vcpus\": 8}")

static void a_window_that_was_not_stored_is_told_again(void **state)
{
	struct unit_list units;
	void *o = opened();

	assert_int_equal(fetch(o, T0 - HOUR, T0, &units), 0);
	store(o, T0 - HOUR, T0);
	put_file("cloud.json", CLOUD(MEMBERS, RESIZED));
	for (int i = 0; i < 3; i++) {
		assert_int_equal(fetch(o, T0, T0 + HOUR, &units), 0);
		assert_int_equal(units.n, 2);
		assert_int_equal(units.v[0].ended_at_ms, (T0 + 600) * INT64_C(1000));
		assert_string_equal(units.v[0].ended_at, "2031-04-09T08:10:00+0200");
		assert_string_equal(units.v[0].elapsed, "01:09:59");
		assert_true(time_of(&units.v[0], "alloc_cputime") == 600);
		assert_true(time_of(&units.v[1], "alloc_cputime") == 8 * 3000);
	}
	store(o, T0, T0 + HOUR);
	assert_int_equal(fetch(o, T0 + HOUR, T0 + 2 * HOUR, &units), 0);
	assert_int_equal(units.n, 1);
	assert_true(time_of(&units.v[0], "walltime") == HOUR);
	manager_openstack.close(o);
}

static void what_began_after_the_window_is_not_in_it(void **state)
{
	struct unit_list units;
	void *o;

	put_file("cloud.json", CLOUD(MEMBERS, RESIZED));
	o = opened();
	assert_int_equal(fetch(o, T0 - HOUR, T0, &units), 0);
	assert_int_equal(units.n, 0);
	assert_int_equal(fetch(o, T0, T0 + HOUR, &units), 0);
	assert_int_equal(units.n, 1);
	manager_openstack.close(o);
}

static int recall(void *state, const char *uuid, int64_t started_s)
{
	const struct unit unit = { .uuid = uuid,
		.state = "ACTIVE",
		.name = uuid,
		.project = "astro",
		.username = "mira",
		.allocation = "{\"vcpus\":2}",
		.tags = "{}",
		.created_at_ms = started_s * MS,
		.started_at_ms = started_s * MS };

	return manager_openstack.recall(state, &unit, T0 * INT64_C(1000));
}

static void units_may_be_recalled_twice(void **state)
{
	struct unit_list units;
	void *o = opened();

	for (int i = 0; i < 3; i++) {
		assert_int_equal(recall(o, "zz", T0 - 100), 0);
		assert_int_equal(recall(o, "aa", T0 - 100), 0);
	}
	assert_int_equal(fetch(o, T0, T0 + HOUR, &units), 0);
	assert_int_equal(units.n, 3);
	assert_string_equal(units.v[0].uuid, "aa");
	assert_string_equal(units.v[0].state, "DELETED");
	assert_int_equal(units.v[0].ended_at_ms, T0 * INT64_C(1000));
	assert_true(time_of(&units.v[0], "walltime") == 0);
	assert_string_equal(units.v[2].uuid, "zz");
	manager_openstack.close(o);
}

static void a_stop_of_the_program_ends_a_request(void **state)
{
	struct unit_list units;
	void *o = opened();

	put_file("fault", "hang");
	eventfd_write(cancel_fd, 1);
	assert_int_equal(fetch(o, T0 - 60, T0, &units), -ECANCELED);
	put_file("fault", "");
	manager_openstack.close(o);
}

static void failures_have_a_code_each(void **state)
{
	static const struct {
		const char *fault;
		int r;
	} rows[] = {
		{ "servers:401", -EACCES },
		{ "servers:403", -EACCES },
		{ "servers:404", -ENOENT },
		{ "servers:429", -EAGAIN },
		{ "servers:500", -EREMOTEIO },
		{ "deleted:503", -EAGAIN },
		{ "garbage", -EBADMSG },
		{ "loop", -ELOOP },
		{ "old", -ENOTSUP },
		{ "down", -EAGAIN },
	};
	struct unit_list units;
	void *o = opened();

	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		put_file("fault", rows[i].fault);
		assert_int_equal(fetch(o, T0 - 60, T0, &units), rows[i].r);
	}
	put_file("fault", "");
	assert_int_equal(fetch(o, T0 - 60, T0, &units), 0);
	manager_openstack.close(o);
}

static void a_bad_configuration_is_told(void **state)
{
	void *o = NULL;

	assert_true(open_with("{scope: {}}", &o) < 0);
	assert_non_null(strstr(err.text, "auth must hold 'identity'"));
	assert_true(open_with("secret", &o) < 0);
	assert_null(strstr(err.text, "secret"));
	assert_true(open_with(AUTH "\nrequest_timeout: 0s", &o) < 0);
	assert_non_null(strstr(err.text, "request_timeout must be more than 0s"));
	assert_int_equal(
		open_with("{identity: {methods: [password], password: {user: {password: 7}}}}", &o),
		-EACCES);
	assert_non_null(strstr(err.text, "openstack service identity"));
	assert_null(o);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_server_becomes_a_unit),
		T(the_token_is_renewed_after_55_minutes),
		T(accounts_are_kept_for_12_hours),
		T(what_fails_stays_as_it_was_and_is_tried_again),
		T(a_list_of_users_that_fails_stays_as_it_was),
		T(nothing_is_told_before_all_projects_are_known),
		T(a_service_in_trouble_is_not_asked_for_each_user),
		T(a_window_that_was_not_stored_is_told_again),
		T(what_began_after_the_window_is_not_in_it),
		T(units_may_be_recalled_twice),
		T(a_stop_of_the_program_ends_a_request),
		T(failures_have_a_code_each),
		T(a_bad_configuration_is_told),
	};

	return cmocka_run_group_tests(tests, start_cloud, stop_cloud);
}
