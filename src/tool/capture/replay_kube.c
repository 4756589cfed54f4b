// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/replay_kube.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <unistd.h>

#include "basic/file.h"
#include "remote/kube/kube_object.h"
#include "tool/capture/capture_kube.h"
#include "tool/capture/kube_devices_json.h"
#include "tool/capture/replay_grpc.h"

#define FOLDER "kubernetes"
#define SOCKET "kubelet.sock"
#define KUBECONFIG "kubeconfig.yml"

static const char KUBECONFIG_TEXT[] =
	"current-context: captured\n"
	"contexts: [{name: captured, context: {cluster: captured, user: captured}}]\n"
	"clusters: [{name: captured, cluster: {server: \"http://127.0.0.1:%d\"}}]\n"
	"users: [{name: captured, user: {token: captured}}]\n";

static const char EXPIRED[] =
	"{\"type\":\"ERROR\",\"object\":{\"kind\":\"Status\",\"code\":410,\"message\":\"there is "
	"another list\"}}\n";

struct replay_kube {
	int dir_fd;
	char dir[PATH_MAX];
	struct replay_grpc *kubelet; /* NULL: it was not recorded */
};

static int tell_devices(void *ctx, const char *path, struct buffer *message)
{
	const struct replay_kube *kube = ctx;
	CLEANUP(buffer_done) struct buffer json = { 0 };

	if (!str_eq(path, "/v1.PodResourcesLister/List"))
		return REPLAY_GRPC_UNIMPLEMENTED;
	if (file_read_nofollow(kube->dir_fd, CAPTURE_KUBE_DEVICES, CAPTURE_KUBE_MAX_BYTES, &json) <
			0 ||
		kube_devices_json_message((struct slice){ buffer_text(&json), json.len }, message) <
			0)
		return REPLAY_GRPC_UNAVAILABLE;
	return REPLAY_GRPC_OK;
}

static bool is_there(int dir_fd, const char *path)
{
	return faccessat(dir_fd, path, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

int replay_kube_start(int dir_fd, const char *dir, struct replay_kube **ret_kube, struct err *err)
{
	char socket[PATH_MAX + sizeof(SOCKET)];
	struct replay_kube *kube;
	int r = 0;

	*ret_kube = NULL;
	if (!is_there(dir_fd, FOLDER))
		return 0;
	kube = calloc(1, sizeof(*kube));
	if (!kube)
		return err_errno(err, -ENOMEM, FOLDER);
	kube->dir_fd = dir_fd;
	snprintf(kube->dir, sizeof(kube->dir), "%s", dir);
	snprintf(socket, sizeof(socket), "%s/" SOCKET, kube->dir);
	if (is_there(dir_fd, CAPTURE_KUBE_DEVICES))
		r = replay_grpc_start(socket, tell_devices, kube, &kube->kubelet, err);
	if (r < 0) {
		free(kube);
		return r;
	}
	*ret_kube = kube;
	return 0;
}

void replay_kube_stop(struct replay_kube *kube)
{
	if (!kube)
		return;
	replay_grpc_stop(kube->kubelet);
	free(kube);
}

static int no_pod(void *ctx, const struct kube_object *pod)
{
	return 0;
}

/* Whether there is another list than the one of that version. */
static bool is_other(struct slice list, const char *version)
{
	CLEANUP(kube_page_done) struct kube_page page = { 0 };

	return kube_page_read(list, no_pod, NULL, &page, NULL) >= 0 && version &&
		!str_eq(page.resource_version, version);
}

bool replay_kube_answer(
	const struct replay_kube *kube, struct http_request *req, struct http_response *res)
{
	CLEANUP(buffer_done) struct buffer list = { 0 };
	const char *watch = http_request_param(req, "watch");
	struct buffer *body = http_response_body(res);
	int r;

	if (!kube || !str_eq(http_request_path(req), "/api/v1/pods"))
		return false;
	r = file_read_nofollow(kube->dir_fd, CAPTURE_KUBE_PODS, CAPTURE_KUBE_MAX_BYTES, &list);
	if (r < 0) {
		http_response_text(res, 404, "no pods were captured\n");
		return true;
	}
	http_response_status(res, 200);
	http_response_header(res, "Content-Type", "application/json");
	if (!watch || !str_eq(watch, "true"))
		buffer_append(body, list.data, list.len);
	else if (is_other((struct slice){ buffer_text(&list), list.len },
			 http_request_param(req, "resourceVersion")))
		buffer_puts(body, EXPIRED);
	return true;
}

int replay_kube_write_config(const struct replay_kube *kube, int port)
{
	CLEANUP(file_closep) int fd = -1;

	if (!kube)
		return 0;
	fd = openat(kube->dir_fd, KUBECONFIG, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		0644);
	if (fd < 0)
		return -errno;
	return dprintf(fd, KUBECONFIG_TEXT, port) > 0 ? 0 : -EIO;
}

void replay_kube_print_flags(const struct replay_kube *kube, FILE *out)
{
	if (!kube)
		return;
	fprintf(out,
		" --collector.k8s --collector.k8s.kubeconfig.file=%s/" KUBECONFIG
		" --collector.k8s.kubelet-podresources-socket.file=%s/" SOCKET,
		kube->dir, kube->dir);
}
