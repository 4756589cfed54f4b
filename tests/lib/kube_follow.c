// SPDX-License-Identifier: Apache-2.0
/*
 * kube_follow KUBECONFIG|--in-cluster DIRECTORY [NODE]: follows the pods of a node (of all) and
 * prints a line for each thing that happens: list | pod NAMESPACE/NAME UID | end | + NAMESPACE/NAME
 * UID | ~ ... | - ... | watch ended | error SENTENCE Until SIGTERM. Pauses for 100 ms after a
 * failure.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/signalfd.h>

#include "basic/macros.h"
#include "remote/kube/kube_watch.h"

enum { PAUSE_MS = 100, PAGE = 2, LIST_MS = 20000, WATCH_MS = 120000 };

static void on_begin(void *ctx)
{
	puts("list");
}

static int on_listed(void *ctx, const struct kube_object *pod)
{
	printf("pod %s/%s %s\n", pod->object_namespace, pod->name, pod->uid);
	return 0;
}

static int on_end(void *ctx)
{
	puts("end");
	return 0;
}

static int on_changed(void *ctx, enum kube_event_type type, const struct kube_object *pod)
{
	printf("%c %s/%s %s\n", "+~-"[type], pod -> object_namespace, pod -> name, pod -> uid);
	return 0;
}

static int stop_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static void follow(struct kube_watch *watch, int fd)
{
	for (;;) {
		struct pollfd stop = { .fd = fd, .events = POLLIN };
		struct err err = { 0 };
		int r = kube_watch_step(watch, fd, &err);

		if (r == -ECANCELED)
			return;
		if (r < 0)
			printf("error %s\n", err.text);
		else if (r == 0)
			puts("watch ended");
		if (poll(&stop, 1, r > 0 ? 0 : PAUSE_MS) > 0)
			return;
	}
}

int main(int argc, char **argv)
{
	const bool in_cluster = argc > 2 && str_eq(argv[1], "--in-cluster");
	const char *node = argv[in_cluster ? 3 : 2];
	struct kube_client *client = NULL;
	struct kube_watch *watch = NULL;
	struct kube_config config;
	struct arena arena;
	struct err err;
	char selector[256];
	int fd = stop_signals(), r;

	if (argc < 2)
		return 2;
	setvbuf(stdout, NULL, _IOLBF, 0);
	arena_init(&arena, 16 << 20);
	snprintf(selector, sizeof(selector), "spec.nodeName=%s", node ? node : "");
	if (in_cluster)
		r = kube_config_in_cluster(getenv("KUBERNETES_SERVICE_HOST"),
			getenv("KUBERNETES_SERVICE_PORT"), argv[2], &arena, &config, &err);
	else
		r = kube_config_load(argv[1], &arena, &config, &err);
	if (r >= 0)
		r = kube_client_new(&config, "kube_follow", &client, &err);
	if (r >= 0) {
		const struct kube_watch_config c = {
			.client = client,
			.path = "/api/v1/pods",
			.field_selector = node ? selector : NULL,
			.metadata_only = true,
			.page_limit = PAGE,
			.list_timeout_ms = LIST_MS,
			.watch_ms = WATCH_MS,
			.begin = on_begin,
			.listed = on_listed,
			.end = on_end,
			.changed = on_changed,
		};

		r = kube_watch_new(&c, &watch, &err);
	}
	if (r < 0)
		fprintf(stderr, "%s\n", err.text);
	else
		follow(watch, fd);
	kube_watch_free(watch);
	kube_client_free(client);
	arena_done(&arena);
	return r < 0;
}
