// SPDX-License-Identifier: Apache-2.0
/*
 * bench_scrape PORT THREADS N: N scrapes of http://127.0.0.1:PORT/metrics over THREADS connections
 * that stay open; prints the median and the 99th percentile in microseconds, and the bytes of the
 * last answer. Exit status 1 if an answer is not 200 or not whole.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { THREADS_MAX = 64, ANSWER_MAX = 64 << 20 };

struct worker {
	pthread_t thread;
	unsigned port, n;
	double *us;
	size_t bytes;
	bool failed;
};

static double now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int dial(unsigned port)
{
	const struct sockaddr_in to = { .sin_family = AF_INET,
		.sin_port = htons((uint16_t)port),
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;

	if (fd < 0 || connect(fd, (const struct sockaddr *)&to, sizeof(to)) < 0)
		return -1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

/* The whole answer, whose head says how long it is; 0: it is not good. */
static size_t answer(int fd, char *text)
{
	size_t len = 0, whole = 0;

	while (!whole || len < whole) {
		ssize_t n = read(fd, text + len, ANSWER_MAX - len - 1);
		const char *head, *length;

		if (n <= 0)
			return 0;
		len += (size_t)n;
		text[len] = '\0';
		head = whole ? NULL : strstr(text, "\r\n\r\n");
		if (!head)
			continue;
		length = strcasestr(text, "\r\nContent-Length:");
		if (!length || strncmp(text, "HTTP/1.1 200", 12) != 0)
			return 0;
		whole = (size_t)(head + 4 - text) + strtoul(length + 17, NULL, 10);
	}
	return len;
}

static void *work(void *arg)
{
	static const char request[] = "GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n";
	struct worker *w = arg;
	char *text = malloc(ANSWER_MAX);
	int fd = dial(w->port);

	w->failed = !text || fd < 0;
	for (unsigned i = 0; !w->failed && i < w->n; i++) {
		const double start = now_us();

		if (write(fd, request, sizeof(request) - 1) < 0)
			w->failed = true;
		w->bytes = answer(fd, text);
		w->failed |= !w->bytes;
		w->us[i] = now_us() - start;
	}
	if (fd >= 0)
		close(fd);
	free(text);
	return NULL;
}

static int compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

int main(int argc, char **argv)
{
	struct worker workers[THREADS_MAX] = { 0 };
	const unsigned threads = argc == 4 ? (unsigned)atoi(argv[2]) : 0;
	const unsigned each = threads ? (unsigned)atoi(argv[3]) / threads : 0;
	double *us = calloc((size_t)threads * each + 1, sizeof(*us));
	bool failed = false;

	if (!us || !each || threads > THREADS_MAX) {
		fprintf(stderr, "usage: bench_scrape PORT THREADS N\n");
		return 2;
	}
	for (unsigned i = 0; i < threads; i++) {
		workers[i] = (struct worker){
			.port = (unsigned)atoi(argv[1]), .n = each, .us = us + (size_t)i * each
		};
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (unsigned i = 0; i < threads; i++) {
		pthread_join(workers[i].thread, NULL);
		failed |= workers[i].failed;
	}
	qsort(us, (size_t)threads * each, sizeof(*us), compare);
	printf("%.0f %.0f %zu\n", us[threads * each / 2], us[(size_t)threads * each * 99 / 100],
		workers[0].bytes);
	free(us);
	return failed;
}
