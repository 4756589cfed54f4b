// SPDX-License-Identifier: Apache-2.0
#include "unit_test.h"

#include <arpa/inet.h>
#include <crypt.h>
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include "alloc_fail.h"
#include "basic/clock.h"
#include "net/basic_auth.h"

static struct basic_auth *auth;
static char hash[128], first_hash[128];
static const char *names[] = { "first", "alice", "bob" };
static const char *hashes[] = { first_hash, hash, hash };
static const struct config_map users = { names, hashes, 3 };

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t heard = PTHREAD_COND_INITIALIZER;

struct waiter {
	struct basic_auth_waiter base; /* first */
	enum basic_auth_result result;
};

static int start(void **state)
{
	snprintf(hash, sizeof(hash), "%s", crypt("secret", "$2b$06$abcdefghijklmnopqrstuu"));
	snprintf(first_hash, sizeof(first_hash), "%s",
		crypt("first secret", "$2b$04$abcdefghijklmnopqrstuu"));
	return basic_auth_new(&auth);
}

static int stop(void **state)
{
	basic_auth_free(auth);
	return 0;
}

static void done(struct basic_auth_waiter *waiter, enum basic_auth_result result)
{
	pthread_mutex_lock(&lock);
	((struct waiter *)waiter)->result = result;
	pthread_cond_broadcast(&heard);
	pthread_mutex_unlock(&lock);
}

static void init(struct waiter *w)
{
	*w = (struct waiter){ .base.done = done, .result = BASIC_AUTH_PENDING };
}

static enum basic_auth_result wait_for(struct waiter *w)
{
	pthread_mutex_lock(&lock);
	while (w->result == BASIC_AUTH_PENDING)
		pthread_cond_wait(&heard, &lock);
	pthread_mutex_unlock(&lock);
	return w->result;
}

static struct sockaddr_in peer_of(unsigned number)
{
	return (struct sockaddr_in){ .sin_family = AF_INET, .sin_addr.s_addr = htonl(number) };
}

static void login_of(const char *name, const char *password, struct basic_auth_login *login)
{
	static const char digits[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	char text[128], header[256] = "Basic ";
	size_t n = (size_t)snprintf(text, sizeof(text), "%s:%s", name, password), at = 6;

	for (size_t i = 0; i < n; i += 3) {
		unsigned v = (unsigned char)text[i] << 16;

		v |= i + 1 < n ? (unsigned char)text[i + 1] << 8 : 0;
		v |= i + 2 < n ? (unsigned char)text[i + 2] : 0;
		header[at++] = digits[v >> 18];
		header[at++] = digits[v >> 12 & 63];
		header[at++] = i + 1 < n ? digits[v >> 6 & 63] : '=';
		header[at++] = i + 2 < n ? digits[v & 63] : '=';
	}
	assert_int_equal(basic_auth_parse(auth, header, &users, login), 0);
	assert_string_equal(login->name, name);
	assert_string_equal(login->password, password);
}

static enum basic_auth_result check(const char *name, const char *password)
{
	const struct sockaddr_in peer = peer_of(1);
	struct basic_auth_login login;
	enum basic_auth_result r;
	struct waiter w;

	init(&w);
	login_of(name, password, &login);
	r = basic_auth_submit(auth, &login, (const struct sockaddr *)&peer, &w.base);
	return r == BASIC_AUTH_PENDING ? wait_for(&w) : r;
}

static void headers_are_read_strictly(void **state)
{
	static const char *const bad[] = { NULL, "", "Basic", "Basic ",
		"Basic =", "Basic ====", "Basic YWxpY2U=", "Basic YWxpY2U6c2Vjc!V0",
		"Basic YTpi YTpi", "Basic A", "Bearer YTpi", "YTpi",
		"Basic AGE6Yg==", "Basic YTpiYw===" };
	struct basic_auth_login login;
	char huge[4096] = "Basic YTpi";

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		assert_int_equal(basic_auth_parse(auth, bad[i], &users, &login), -EBADMSG);
	memset(huge + 10, 'a', sizeof(huge) - 11);
	assert_int_equal(basic_auth_parse(auth, huge, &users, &login), -EBADMSG);
	assert_int_equal(basic_auth_parse(auth, "basic  YTpiOmM= ", &users, &login), 0);
	assert_string_equal(login.name, "a");
	assert_string_equal(login.password, "b:c");
	assert_int_equal(
		basic_auth_parse(auth, "Basic YTpi", &(struct config_map){ 0 }, &login), -EBADMSG);
}

static void outcomes_are_remembered(void **state)
{
	struct basic_auth_login login;

	login_of("alice", "secret", &login);
	assert_int_equal(basic_auth_lookup(auth, &login), BASIC_AUTH_UNKNOWN);
	assert_int_equal(check("alice", "secret"), BASIC_AUTH_GRANTED);
	assert_int_equal(basic_auth_lookup(auth, &login), BASIC_AUTH_GRANTED);
	assert_int_equal(check("alice", "wrong"), BASIC_AUTH_DENIED);
	assert_int_equal(check("alice", "secre"), BASIC_AUTH_DENIED);
	assert_int_equal(check("first", "secret"), BASIC_AUTH_DENIED);
	assert_int_equal(check("nobody", "secret"), BASIC_AUTH_DENIED);
	/* Not even with the password of the user whose hash stands in. */
	assert_int_equal(check("first", "first secret"), BASIC_AUTH_GRANTED);
	assert_int_equal(check("nobody", "first secret"), BASIC_AUTH_DENIED);
	login_of("nobody", "secret", &login);
	assert_int_equal(basic_auth_lookup(auth, &login), BASIC_AUTH_DENIED);
	login_of("alice", "", &login);
	assert_int_equal(basic_auth_lookup(auth, &login), BASIC_AUTH_UNKNOWN);
}

static int64_t time_of_check(const char *name, const char *password)
{
	int64_t begin = clock_monotonic_ns(clock_system());

	check(name, password);
	return clock_monotonic_ns(clock_system()) - begin;
}

/* The first user's hash stands in, whose cost is 4: some ms, where a quick no takes microseconds.
 */
static void a_check_without_memory_is_no_outcome(void **state)
{
	struct basic_auth_login login;
	const struct sockaddr_in peer = peer_of(1);
	enum basic_auth_result r;
	struct waiter w;
	size_t n = 0;

	login_of("bob", "secret", &login);
	do {
		init(&w);
		alloc_fail_at(++n);
		r = basic_auth_submit(auth, &login, (const struct sockaddr *)&peer, &w.base);
		if (r == BASIC_AUTH_PENDING)
			r = wait_for(&w);
		assert_int_not_equal(r, BASIC_AUTH_DENIED);
	} while (alloc_fail_happened());
	alloc_fail_at(0);
	assert_true(n > 2);
	assert_int_equal(r, BASIC_AUTH_GRANTED);
}

static void unknown_names_cost_a_check(void **state)
{
	int64_t known = time_of_check("first", "unknown 1"), unknown = INT64_MAX;

	for (int i = 0; i < 5; i++) {
		char password[32];
		int64_t ns;

		snprintf(password, sizeof(password), "p%d", i);
		ns = time_of_check("ghost", password);
		unknown = ns < unknown ? ns : unknown;
	}
	assert_true(unknown > 200000);
	assert_true(unknown < known * 20);
}

static void guesses_never_push_out_good_ones(void **state)
{
	struct basic_auth_login login;

	assert_int_equal(check("alice", "secret"), BASIC_AUTH_GRANTED);
	for (int i = 0; i < 3 * BASIC_AUTH_CACHE; i++) {
		char name[32];

		snprintf(name, sizeof(name), "guess%d", i);
		assert_int_equal(check(name, "x"), BASIC_AUTH_DENIED);
	}
	login_of("alice", "secret", &login);
	assert_int_equal(basic_auth_lookup(auth, &login), BASIC_AUTH_GRANTED);
	login_of("guess0", "x", &login);
	assert_int_equal(basic_auth_lookup(auth, &login), BASIC_AUTH_UNKNOWN);
	login_of("guess299", "x", &login);
	assert_int_equal(basic_auth_lookup(auth, &login), BASIC_AUTH_DENIED);
}

static void one_peer_can_not_fill_the_queue(void **state)
{
	static struct waiter waiters[200];
	enum basic_auth_result results[200];
	int busy = 0;

	for (unsigned i = 0; i < 200; i++) {
		const struct sockaddr_in peer = peer_of(i < 100 ? 5 : 1000 + i);
		struct basic_auth_login login;
		char name[32];

		init(&waiters[i]);
		snprintf(name, sizeof(name), "flood%u", i);
		login_of(name, "x", &login);
		results[i] = basic_auth_submit(
			auth, &login, (const struct sockaddr *)&peer, &waiters[i].base);
		busy += results[i] == BASIC_AUTH_BUSY;
		/* The first hundred come from one peer; then others still get in. */
		if (i == 99)
			assert_true(busy > 50);
		if (i == 100)
			assert_int_equal(results[i], BASIC_AUTH_PENDING);
	}
	for (int i = 0; i < 200; i++) {
		if (results[i] == BASIC_AUTH_PENDING)
			assert_int_equal(wait_for(&waiters[i]), BASIC_AUTH_DENIED);
	}
}

static void equal_logins_share_one_check(void **state)
{
	static struct waiter waiters[100];
	const struct sockaddr_in peer = peer_of(9);
	struct basic_auth_login login;

	/* A hundred requests of a dashboard, all at once, right after the start. */
	stop(NULL);
	start(NULL);
	login_of("alice", "secret", &login);
	for (int i = 0; i < 100; i++) {
		enum basic_auth_result r;

		init(&waiters[i]);
		r = basic_auth_submit(
			auth, &login, (const struct sockaddr *)&peer, &waiters[i].base);
		if (r != BASIC_AUTH_PENDING)
			waiters[i].result = r;
	}
	for (int i = 0; i < 100; i++)
		assert_int_equal(wait_for(&waiters[i]), BASIC_AUTH_GRANTED);
}

static void stopping_tells_all_who_wait(void **state)
{
	static struct waiter waiters[10];
	const struct sockaddr_in peer = peer_of(9);
	struct basic_auth_login login;
	struct waiter late;

	for (int i = 0; i < 10; i++) {
		char name[32];

		init(&waiters[i]);
		snprintf(name, sizeof(name), "stop%d", i);
		login_of(name, "x", &login);
		assert_int_equal(basic_auth_submit(auth, &login, (const struct sockaddr *)&peer,
					 &waiters[i].base),
			BASIC_AUTH_PENDING);
	}
	basic_auth_stop(auth);
	for (int i = 0; i < 10; i++)
		assert_int_not_equal(wait_for(&waiters[i]), BASIC_AUTH_GRANTED);
	init(&late);
	login_of("late", "x", &login);
	assert_int_equal(
		basic_auth_submit(auth, &login, (const struct sockaddr *)&peer, &late.base),
		BASIC_AUTH_BUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(headers_are_read_strictly),
		TEST(outcomes_are_remembered),
		TEST(a_check_without_memory_is_no_outcome),
		TEST(unknown_names_cost_a_check),
		TEST(guesses_never_push_out_good_ones),
		TEST(one_peer_can_not_fill_the_queue),
		TEST(equal_logins_share_one_check),
		TEST(stopping_tells_all_who_wait),
	};

	return cmocka_run_group_tests_name("basic_auth", tests, start, stop);
}
