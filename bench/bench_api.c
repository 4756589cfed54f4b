// SPDX-License-Identifier: Apache-2.0
/*
 * bench_api PORT CLIENTS N PATH: N requests over so many connections that stay open. In PATH {user}
 * and {project} stand for the name of one of 5000 users, who asks, and of a project of 500; admin
 * asks for paths that say so. Prints the median and the 99th percentile in microseconds, the bytes
 * of the last answer and the number of answers that are not 200 or not whole. Each thread sends its
 * requests one after the other; chunked answers are read, but not kept.
 */
#include <arpa/inet.h>
#include <netinet/tcp.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { CLIENTS_MAX = 1000, BUFFER = 256 << 10, USERS = 5000, PROJECTS = 500 };

struct worker {
	pthread_t thread;
	unsigned port, n;
	uint64_t seed;
	const char *path;
	double *us;
	size_t bytes, failed;
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

/* Bytes of the whole answer; 0: it is not good. */
static size_t answer(int fd, char *text)
{
	size_t kept = 0, total = 0, whole = 0;
	bool chunked = false;

	for (;;) {
		ssize_t n = read(fd, text + kept, BUFFER - kept - 1);
		const char *head, *length;

		if (n <= 0)
			return 0;
		kept += (size_t)n;
		total += (size_t)n;
		text[kept] = '\0';
		if (!whole && !chunked) {
			head = strstr(text, "\r\n\r\n");
			if (!head)
				continue;
			if (strncmp(text, "HTTP/1.1 200", 12) != 0)
				return 0;
			length = strcasestr(text, "\r\nContent-Length:");
			chunked = !length || length > head;
			if (!chunked)
				whole = (size_t)(head + 4 - text) + strtoul(length + 17, NULL, 10);
		}
		if (chunked && kept >= 5 && memcmp(text + kept - 5, "0\r\n\r\n", 5) == 0)
			return total;
		if (whole && total >= whole)
			return total;
		/* The end of chunks may come in pieces. */
		if (kept > BUFFER / 2) {
			memmove(text, text + kept - 8, 8);
			kept = 8;
		}
	}
}

static size_t make_request(struct worker *w, char *out, size_t max)
{
	unsigned user, project;
	char path[1024];
	size_t n = 0;

	w->seed = w->seed * 6364136223846793005U + 1442695040888963407U;
	user = (unsigned)(w->seed >> 33) % USERS;
	project = user / 10 % PROJECTS;
	for (const char *p = w->path; *p && n < sizeof(path) - 16; p++) {
		if (strncmp(p, "{user}", 6) == 0) {
			n += (size_t)snprintf(path + n, sizeof(path) - n, "user%u", user);
			p += 5;
		} else if (strncmp(p, "{project}", 9) == 0) {
			n += (size_t)snprintf(path + n, sizeof(path) - n, "project%u", project);
			p += 8;
		} else {
			path[n++] = *p;
		}
	}
	path[n] = '\0';
	if (strstr(w->path, "/admin"))
		return (size_t)snprintf(out, max,
			"GET %s HTTP/1.1\r\nHost: localhost\r\nX-Grafana-User: admin\r\n\r\n",
			path);
	return (size_t)snprintf(out, max,
		"GET %s HTTP/1.1\r\nHost: localhost\r\nX-Grafana-User: user%u\r\n\r\n", path, user);
}

static void *work(void *arg)
{
	struct worker *w = arg;
	char *text = malloc(BUFFER), request[2048];
	int fd = dial(w->port);

	for (unsigned i = 0; text && i < w->n; i++) {
		size_t len = make_request(w, request, sizeof(request));
		const double start = now_us();
		size_t bytes = fd >= 0 && write(fd, request, len) == (ssize_t)len ? answer(fd, text)
										  : 0;

		if (bytes) {
			w->bytes = bytes;
		} else {
			w->failed++;
			if (fd >= 0)
				close(fd);
			fd = dial(w->port);
		}
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
	static struct worker workers[CLIENTS_MAX];
	const unsigned clients = argc == 5 ? (unsigned)atoi(argv[2]) : 0;
	const unsigned each = clients ? (unsigned)atoi(argv[3]) / clients : 0;
	double *us = calloc((size_t)clients * each + 1, sizeof(*us));
	size_t failed = 0;

	if (!us || !each || clients > CLIENTS_MAX) {
		fprintf(stderr, "usage: bench_api PORT CLIENTS N PATH\n");
		return 2;
	}
	for (unsigned i = 0; i < clients; i++) {
		workers[i] = (struct worker){ .port = (unsigned)atoi(argv[1]),
			.n = each,
			.seed = 6 + i * 1000003U,
			.path = argv[4],
			.us = us + (size_t)i * each };
		pthread_create(&workers[i].thread, NULL, work, &workers[i]);
	}
	for (unsigned i = 0; i < clients; i++) {
		pthread_join(workers[i].thread, NULL);
		failed += workers[i].failed;
	}
	qsort(us, (size_t)clients * each, sizeof(*us), compare);
	printf("%.0f %.0f %zu %zu\n", us[clients * each / 2], us[(size_t)clients * each * 99 / 100],
		workers[0].bytes, failed);
	free(us);
	return 0;
}
