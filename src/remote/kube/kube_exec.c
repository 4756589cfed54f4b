// SPDX-License-Identifier: Apache-2.0
#include "remote/kube/kube_exec.h"

#include <errno.h>
#include <stdio.h>

#include "remote/kube/kube_object.h"

#define PROTOCOL "v4.channel.k8s.io"

enum channel { CHANNEL_STDOUT = 1, CHANNEL_STDERR = 2, CHANNEL_STATUS = 3 };

enum { MESSAGE_MAX_BYTES = 1 << 20 };

static int take_status(struct kube_exec_output *output, struct slice json)
{
	char message[KUBE_MESSAGE_MAX];
	json_t *status = json.n ? json_loadb(json.p, json.n, 0, NULL) : NULL;
	const char *word = json_string_value(json_object_get(status, "status"));
	int r = word ? 0 : -EBADMSG;

	if (r >= 0) {
		output->ended = true;
		output->failed = !str_eq(word, "Success");
		if (output->failed && kube_status_message(json, message) >= 0)
			snprintf(output->message, sizeof(output->message), "%.*s",
				(int)sizeof(output->message) - 1, message);
	}
	json_decref(status);
	return r;
}

int kube_exec_take(struct kube_exec_output *output, struct slice message)
{
	const struct slice rest = { message.p + 1, message.n - 1 };

	if (!message.n)
		return -EBADMSG;
	switch ((enum channel)message.p[0]) {
	case CHANNEL_STDOUT:
	case CHANNEL_STDERR:
		buffer_append(output->out, rest.p, rest.n);
		return buffer_error(output->out);
	case CHANNEL_STATUS:
		return take_status(output, rest);
	default:
		return -EBADMSG;
	}
}

static int on_message(void *ctx, struct slice message)
{
	return kube_exec_take(ctx, message);
}

static int make_path(const struct kube_exec *exec, struct buffer *path)
{
	buffer_puts(path, "/api/v1/namespaces/");
	kube_query_escape(path, exec->pod_namespace);
	buffer_puts(path, "/pods/");
	kube_query_escape(path, exec->pod);
	buffer_puts(path, "/exec?stdout=true&stderr=true&container=");
	kube_query_escape(path, exec->container);
	for (const char *const *arg = exec->argv; *arg; arg++) {
		buffer_puts(path, "&command=");
		kube_query_escape(path, *arg);
	}
	return buffer_error(path);
}

int kube_exec(struct kube_client *client, const struct kube_exec *exec, struct buffer *out,
	struct err *err)
{
	CLEANUP(buffer_done) struct buffer path = { 0 };
	struct kube_exec_output output = { .out = out };
	int r = make_path(exec, &path);

	if (r < 0)
		return err_errno(err, r, "%s", exec->argv[0]);
	out->limit = exec->max_output_bytes;
	const struct kube_request request = {
		.path = buffer_text(&path),
		.timeout_ms = exec->timeout_ms,
		.max_reply_bytes = MESSAGE_MAX_BYTES,
		.cancel_fd = exec->cancel_fd,
		.ctx = &output,
	};

	r = kube_client_listen(client, &request, PROTOCOL, on_message, err);
	/* The end was told: how the connection ended after it has no meaning. */
	if (r < 0 && !(r == -EIO && output.ended))
		return err_prefix(err, r, "'%s' in pod '%s/%s'", exec->argv[0], exec->pod_namespace,
			exec->pod);
	if (!output.ended)
		return err_set(err, -EIO, "'%s' in pod '%s/%s': its end was not told",
			exec->argv[0], exec->pod_namespace, exec->pod);
	if (output.failed)
		return err_set(err, -EIO, "'%s' in pod '%s/%s': %s", exec->argv[0],
			exec->pod_namespace, exec->pod, output.message);
	return 0;
}
