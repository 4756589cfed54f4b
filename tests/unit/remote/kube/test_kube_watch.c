// SPDX-License-Identifier: Apache-2.0
/* Against a server that plays a script: what is asked for, and what is made of the answers. */
#include "remote/kube/kube_watch.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "basic/macros.h"
#include "net/http_server.h"
#include "unit_test.h"

#define META(name, version)                                                           \
	"{\"metadata\":{\"name\":\"" name "\",\"namespace\":\"ns\",\"uid\":\"u-" name \
	"\",\"resourceVersion\":\"" version "\",\"annotations\":{\"a/b\":\"of-" name "\"}}}"
#define LIST(version, more, items)                                        \
	"{\"kind\":\"List\",\"metadata\":{\"resourceVersion\":\"" version \
	"\",\"continue\":\"" more "\"},\"items\":[" items "]}"
#define EVENT(type, object) "{\"type\":\"" type "\",\"object\":" object "}\n"
#define GONE                                                                                \
	"{\"kind\":\"Status\",\"metadata\":{},\"code\":410,\"message\":\"too old resource " \
	"version\"}"

struct answer {
	const char *asked; /* stands in the target of the request */
	int status; /* 0: 200 */
	const char *body;
	bool hang; /* after the body, until the client goes */
};

static struct {
	pthread_mutex_t lock;
	const struct answer *answers;
	size_t n, next;
	char targets[16][512];
	char accept[256], authorization[256];
} script = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct http_server *server;
static struct kube_config config;
static struct kube_client *client;
static struct kube_watch *watch;
static char url[64], seen[4096];
static size_t n_heard;
static struct err err;
static int fail_with, cancel_fd = -1;

struct hanging {
	const char *body;
	bool sent;
};

static ssize_t hang(void *ctx, char *data, size_t max)
{
	struct hanging *h = ctx;
	size_t n = strlen(h->body);

	if (!h->sent) {
		h->sent = true;
		memcpy(data, h->body, n);
		return (ssize_t)n;
	}
	/* A blank line every now and then, until the client has gone. */
	usleep(20000);
	data[0] = '\n';
	return 1;
}

static void handle(void *ctx, struct http_request *req, struct http_response *res)
{
	const struct answer *a;
	const char *header;

	pthread_mutex_lock(&script.lock);
	a = script.next < script.n ? &script.answers[script.next] : NULL;
	if (script.next < ARRAY_SIZE(script.targets))
		snprintf(script.targets[script.next], sizeof(script.targets[0]), "%s",
			http_request_raw_target(req));
	script.next++;
	header = http_request_header(req, "Accept");
	snprintf(script.accept, sizeof(script.accept), "%s", header ? header : "");
	header = http_request_header(req, "Authorization");
	snprintf(script.authorization, sizeof(script.authorization), "%s", header ? header : "");
	pthread_mutex_unlock(&script.lock);
	if (!a) {
		http_response_text(res, 500, "the script is over");
		return;
	}
	if (a->hang) {
		struct hanging *h = calloc(1, sizeof(*h));

		h->body = a->body;
		http_response_stream(res, hang, free, h);
		return;
	}
	http_response_status(res, a->status ? a->status : 200);
	buffer_puts(http_response_body(res), a->body);
}

static int start(void **state)
{
	static const char *addresses[] = { "127.0.0.1:0" };
	const struct http_server_config c = {
		.listen_addresses = { addresses, 1 },
		.threads = 2,
		.max_header_bytes = 64 << 10,
		.max_response_bytes = 64 << 20,
		.header_timeout_ms = 10000,
		.idle_timeout_ms = 30000,
		.handler = handle,
	};

	unsetenv("http_proxy");
	if (http_server_open(&c, &server, &err) < 0 || http_server_serve(server, &err) < 0)
		return -1;
	snprintf(url, sizeof(url), "http://127.0.0.1:%d", http_server_port(server, 0));
	return 0;
}

static int stop(void **state)
{
	http_server_stop(server, 2000);
	return 0;
}

static void on_begin(void *ctx)
{
	strcat(seen, "[");
}

static int on_listed(void *ctx, const struct kube_object *object)
{
	strcat(seen, object->name);
	strcat(seen, " ");
	return 0;
}

static int on_end(void *ctx)
{
	strcat(seen, "]");
	return 0;
}

static int on_changed(void *ctx, enum kube_event_type type, const struct kube_object *object)
{
	static const char *const signs[] = { "+", "~", "-", "!" };

	strcat(seen, signs[type]);
	strcat(seen, object->name);
	strcat(seen, " ");
	if (cancel_fd >= 0)
		assert_int_equal(eventfd_write(cancel_fd, 1), 0);
	return fail_with;
}

static void on_heard(void *ctx)
{
	n_heard++;
}

static int setup(void **state)
{
	const struct kube_watch_config c = {
		.path = "/api/v1/pods",
		.field_selector = "spec.nodeName=n 1",
		.metadata_only = true,
		.page_limit = 2,
		.list_timeout_ms = 20000,
		.watch_ms = 60000,
		.begin = on_begin,
		.listed = on_listed,
		.end = on_end,
		.changed = on_changed,
		.heard = on_heard,
	};
	struct kube_watch_config full = c;

	config = (struct kube_config){ .server = url, .token = "t0ken\n" };
	assert_int_equal(kube_client_new(&config, "test", &client, &err), 0);
	full.client = client;
	assert_int_equal(kube_watch_new(&full, &watch, &err), 0);
	memset(script.targets, 0, sizeof(script.targets));
	seen[0] = '\0';
	fail_with = 0;
	n_heard = 0;
	err = (struct err){ 0 };
	return 0;
}

static int teardown(void **state)
{
	kube_watch_free(watch);
	kube_client_free(client);
	return 0;
}

static void play(const struct answer *answers, size_t n)
{
	script.answers = answers;
	script.n = n;
	script.next = 0;
}

static int step(void)
{
	return kube_watch_step(watch, 0, &err);
}

static void asked(size_t i, const char *wanted)
{
	assert_string_equal(script.targets[i], wanted);
}

static void a_list_comes_page_by_page_and_then_what_changes(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "next/1", META("a", "1") "," META("b", "2")) },
		{ .body = LIST("7", "", META("c", "3")) },
		{ .body = EVENT("ADDED", META("d", "8")) EVENT("MODIFIED", META("a", "9"))
				EVENT("DELETED", META("b", "10")) },
		{ .body = "" },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	assert_string_equal(seen, "[a b c ]");
	assert_non_null(strstr(script.accept, "PartialObjectMetadataList"));
	assert_non_null(strstr(script.accept, ",application/json"));
	assert_string_equal(script.authorization, "Bearer t0ken");
	assert_int_equal(step(), 0);
	assert_string_equal(seen, "[a b c ]+d ~a -b ");
	assert_int_equal(step(), 0);
	asked(0, "/api/v1/pods?limit=2&fieldSelector=spec.nodeName%3Dn%201&resourceVersion=0");
	asked(1, "/api/v1/pods?limit=2&fieldSelector=spec.nodeName%3Dn%201&continue=next%2F1");
	asked(2,
		"/api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=60&fieldSelector=spec.nodeName%3Dn%201&resourceVersion=7");
	asked(3,
		"/api/v1/pods?watch=true&allowWatchBookmarks=true&timeoutSeconds=60&fieldSelector=spec.nodeName%3Dn%201&resourceVersion=10");
}

static void a_bookmark_moves_the_version_and_nothing_else(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "", "") },
		{ .body = EVENT("BOOKMARK",
			  "{\"kind\":\"Pod\",\"metadata\":{\"resourceVersion\":\"99\"}}") },
		{ .body = "" },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	assert_int_equal(n_heard, 0);
	assert_int_equal(step(), 0);
	/* Its beginning, the bookmark, its end. */
	assert_int_equal(n_heard, 3);
	assert_int_equal(step(), 0);
	assert_int_equal(n_heard, 5);
	assert_string_equal(seen, "[]");
	assert_non_null(strstr(script.targets[2], "resourceVersion=99"));
}

static void a_version_that_is_gone_leads_to_a_new_list_from_the_store(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "", META("a", "1")) },
		{ .body = EVENT("ADDED", META("b", "8")) EVENT("ERROR", GONE) },
		{ .body = LIST("20", "", META("c", "3")) },
		{ .body = "" },
		{ .status = 410, .body = GONE },
		{ .body = LIST("30", "", "") },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 1);
	assert_string_equal(seen, "[a ]+b [c ]");
	assert_null(strstr(script.targets[2], "resourceVersion"));
	assert_int_equal(step(), 0);
	assert_non_null(strstr(script.targets[3], "resourceVersion=20"));
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 1);
}

static void a_server_whose_versions_are_always_gone_is_no_endless_loop(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "", "") },
		{ .body = EVENT("ERROR", GONE) },
		{ .body = LIST("7", "", "") },
		{ .body = EVENT("ERROR", GONE) },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 1);
	assert_int_equal(step(), -ESTALE);
	assert_non_null(strstr(err.text, "too old"));
}

static void a_list_that_breaks_off_has_no_end(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "more", META("a", "1")) },
		{ .status = 410, .body = GONE },
		{ .body = LIST("8", "", META("b", "1")) },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), -ESTALE);
	assert_string_equal(seen, "[a ");
	assert_int_equal(step(), 1);
	assert_string_equal(seen, "[a [b ]");
}

static void what_the_server_says_is_in_the_error(void **state)
{
	static const struct {
		int status, r;
	} cases[] = { { 401, -EACCES }, { 403, -EACCES }, { 404, -ENOENT }, { 429, -EAGAIN },
		{ 500, -EREMOTEIO }, { 503, -EAGAIN }, { 504, -EAGAIN } };

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		const struct answer answer = { .status = cases[i].status,
			.body = "{\"kind\":\"Status\",\"message\":\"pods is\\nforbidden\"}" };

		play(&answer, 1);
		assert_int_equal(step(), cases[i].r);
		assert_non_null(strstr(err.text, "pods is forbidden"));
	}
	play(&(const struct answer){ .status = 502, .body = "<html>" }, 1);
	assert_int_equal(step(), -EREMOTEIO);
	assert_non_null(strstr(err.text, "502"));
}

static void garbled_lists_are_told(void **state)
{
	static const char *const bodies[] = { "", "{", "[]", "null", "{}",
		"{\"metadata\":{\"resourceVersion\":\"1\"}}",
		"{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":7}",
		"{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[7]}",
		"{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":[{\"metadata\":[]}]}",
		"{\"metadata\":7,\"items\":[]}", "<html></html>" };

	for (size_t i = 0; i < ARRAY_SIZE(bodies); i++) {
		const struct answer answer = { .body = bodies[i] };

		play(&answer, 1);
		assert_int_equal(step(), -EBADMSG);
	}
	play(
		&(const struct answer){
			.body = "{\"metadata\":{\"resourceVersion\":\"1\"},\"items\":null}" },
		1);
	assert_int_equal(step(), 1);
}

static void a_list_without_a_version_is_followed_by_the_next_list(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("", "", META("a", "")) },
		{ .body = "{\"items\":[" META("b", "") "]}" },
		{ .body = LIST("7", "", META("c", "3")) },
		{ .body = EVENT("ADDED", META("d", "8")) },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 0);
	assert_false(kube_watch_knows(watch));
	assert_int_equal(step(), 0);
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 0);
	assert_string_equal(seen, "[a ][b ][c ]+d ");
}

static void a_refused_watch_is_not_heard_of(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "", "") },
		{ .status = 403, .body = "{\"message\":\"no\"}" },
		{ .body = EVENT("ERROR", GONE) },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	assert_int_equal(step(), -EACCES);
	assert_int_equal(n_heard, 0);
	assert_int_equal(step(), 1);
	assert_int_equal(n_heard, 1);
}

static void a_page_that_is_too_large_is_asked_for_in_halves(void **state)
{
	char *huge = malloc(KUBE_PAGE_MAX_BYTES + 2);
	const struct answer answers[] = {
		{ .body = huge },
		{ .body = LIST("7", "x", META("a", "1")) },
		{ .body = LIST("7", "", META("b", "1")) },
		{ .body = EVENT("ERROR", GONE) },
		{ .body = huge },
		{ .body = huge },
	};

	assert_non_null(huge);
	memset(huge, ' ', KUBE_PAGE_MAX_BYTES + 1);
	huge[KUBE_PAGE_MAX_BYTES + 1] = '\0';
	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	assert_string_equal(seen, "[a b ]");
	assert_non_null(strstr(script.targets[0], "limit=2&"));
	assert_non_null(strstr(script.targets[1], "limit=1&"));
	assert_non_null(strstr(script.targets[2], "limit=1&"));
	assert_int_equal(step(), 1);
	assert_int_equal(step(), -E2BIG);
	free(huge);
}

static void a_garbled_event_leads_to_a_new_list(void **state)
{
	static const char *const lines[] = { "garbage\n", "{}\n", "{\"type\":\"ADDED\"}\n",
		"{\"type\":\"ADDED\",\"object\":{}}\n", "[1]\n",
		"{\"type\":\"ADDED\",\"object\":{\"metadata\":{\"name\":\"\\u0000\"}}}\n" };

	for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
		const struct answer answers[] = {
			{ .body = LIST("7", "", "") },
			{ .body = lines[i] },
		};

		play(answers, ARRAY_SIZE(answers));
		assert_int_equal(step(), 1);
		assert_int_equal(step(), -EBADMSG);
	}
	play(&(const struct answer){ .body = LIST("7", "", "") }, 1);
	assert_int_equal(step(), 1);
	assert_null(strstr(script.targets[0], "watch"));
}

static void an_event_of_a_new_type_is_passed_over(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "", "") },
		{ .body = EVENT("RENAMED", META("a", "8")) EVENT("ADDED", META("b", "9")) },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	assert_int_equal(step(), 0);
	assert_string_equal(seen, "[]+b ");
}

static void an_event_that_could_not_be_taken_is_not_missed(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "", "") },
		{ .body = EVENT("ADDED", META("a", "8")) },
		{ .body = LIST("9", "", META("a", "8")) },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	fail_with = -ENOMEM;
	assert_int_equal(step(), -ENOMEM);
	assert_int_equal(step(), 1);
	assert_string_equal(seen, "[]+a [a ]");
}

static void a_watch_can_be_cancelled_and_goes_on_where_it_was(void **state)
{
	static const struct answer answers[] = {
		{ .body = LIST("7", "", "") },
		{ .body = EVENT("ADDED", META("a", "8")), .hang = true },
		{ .body = "" },
	};

	play(answers, ARRAY_SIZE(answers));
	assert_int_equal(step(), 1);
	cancel_fd = eventfd(0, EFD_CLOEXEC);
	assert_int_equal(kube_watch_step(watch, cancel_fd, &err), -ECANCELED);
	close(cancel_fd);
	cancel_fd = -1;
	assert_string_equal(seen, "[]+a ");
	assert_int_equal(step(), 0);
	assert_non_null(strstr(script.targets[2], "resourceVersion=8"));
}

static void a_server_that_is_not_there_is_told(void **state)
{
	struct kube_client *other;
	struct kube_config nowhere = { .server = "http://127.0.0.1:1" };
	const struct kube_request request = {
		.path = "/x", .timeout_ms = 20000, .max_reply_bytes = 100
	};

	assert_int_equal(kube_client_new(&nowhere, "test", &other, &err), 0);
	assert_int_equal(kube_client_get(other, &request, NULL, &err), -ECONNREFUSED);
	kube_client_free(other);
}

static void annotations_are_found(void **state)
{
	CLEANUP(json_decrefp) json_t *json = json_loads(META("a", "1"), 0, NULL);
	const struct kube_object object = { .json = json };

	assert_string_equal(kube_object_annotation(&object, "a/b"), "of-a");
	assert_null(kube_object_annotation(&object, "b"));
}

static char lines_seen[256];

static int keep_line(void *ctx, struct slice line)
{
	snprintf(lines_seen + strlen(lines_seen), sizeof(lines_seen) - strlen(lines_seen), "<%.*s>",
		(int)line.n, line.p);
	return slice_eq(line, "stop") ? -EINTR : 0;
}

static void lines_are_the_same_however_they_come(void **state)
{
	static const char text[] = "one\n\n  two \r\nthree\nrest";

	for (size_t piece = 1; piece <= sizeof(text); piece++) {
		struct kube_lines lines = { .limit = 16, .each = keep_line };

		lines_seen[0] = '\0';
		for (size_t at = 0; at < sizeof(text) - 1; at += piece)
			assert_int_equal(kube_lines_add(&lines, text + at,
						 MIN(piece, sizeof(text) - 1 - at)),
				0);
		assert_string_equal(lines_seen, "<one><two><three>");
		kube_lines_done(&lines);
	}
}

static void a_line_over_the_limit_is_refused(void **state)
{
	struct kube_lines lines = { .limit = 5, .each = keep_line };

	lines_seen[0] = '\0';
	assert_int_equal(kube_lines_add(&lines, "12345\n", 6), 0);
	assert_int_equal(kube_lines_add(&lines, "123456\n", 7), -E2BIG);
	assert_int_equal(kube_lines_add(&lines, "123", 3), 0);
	assert_int_equal(kube_lines_add(&lines, "456", 3), -E2BIG);
	kube_lines_done(&lines);
	lines = (struct kube_lines){ .limit = 5, .each = keep_line };
	assert_int_equal(kube_lines_add(&lines, "stop\nx\n", 7), -EINTR);
	kube_lines_done(&lines);
}

#define SERVER_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SERVER_TEST(a_list_comes_page_by_page_and_then_what_changes),
		SERVER_TEST(a_bookmark_moves_the_version_and_nothing_else),
		SERVER_TEST(a_version_that_is_gone_leads_to_a_new_list_from_the_store),
		SERVER_TEST(a_server_whose_versions_are_always_gone_is_no_endless_loop),
		SERVER_TEST(a_list_that_breaks_off_has_no_end),
		SERVER_TEST(what_the_server_says_is_in_the_error),
		SERVER_TEST(garbled_lists_are_told),
		SERVER_TEST(a_list_without_a_version_is_followed_by_the_next_list),
		SERVER_TEST(a_refused_watch_is_not_heard_of),
		SERVER_TEST(a_page_that_is_too_large_is_asked_for_in_halves),
		SERVER_TEST(a_garbled_event_leads_to_a_new_list),
		SERVER_TEST(an_event_of_a_new_type_is_passed_over),
		SERVER_TEST(an_event_that_could_not_be_taken_is_not_missed),
		SERVER_TEST(a_watch_can_be_cancelled_and_goes_on_where_it_was),
		TEST(a_server_that_is_not_there_is_told),
		TEST(annotations_are_found),
		TEST(lines_are_the_same_however_they_come),
		TEST(a_line_over_the_limit_is_refused),
	};

	return cmocka_run_group_tests(tests, start, stop);
}
