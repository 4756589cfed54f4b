// SPDX-License-Identifier: Apache-2.0
#include "api/managers/k8s_accounts.h"

#include <errno.h>
#include <fcntl.h>

#include "basic/file.h"
#include "format/config.h"

enum { PAGE_BINDINGS = 500, TIMEOUT_MS = 60000 };

static bool is_name(const struct config_node *node)
{
	return node->kind == CONFIG_SCALAR && !node->is_null && *node->text;
}

int k8s_users_parse(struct slice text, const char *name, struct arena *arena,
	struct association_list *pairs, struct err *err)
{
	const struct config_node *root, *users;
	int r = config_parse(text.n ? text.p : "", text.n, name, arena, &root, err);

	if (r < 0)
		return r;
	users = config_get(root, "users");
	for (size_t i = 0; users && users->kind == CONFIG_MAPPING && i < users->n; i++) {
		const struct config_node *list = users->items[i];

		for (size_t k = 0; *users->names[i] && list->kind == CONFIG_SEQUENCE && k < list->n;
			k++) {
			if (!is_name(list->items[k]))
				continue;
			r = association_list_push(
				pairs, arena, users->names[i], list->items[k]->text);
			if (r < 0)
				return err_errno(err, r, "%s", name);
		}
	}
	return 0;
}

int k8s_users_load(
	const char *path, struct arena *arena, struct association_list *pairs, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text;
	int r;

	buffer_init(&text, 0);
	r = file_read(AT_FDCWD, path, K8S_USERS_FILE_MAX_BYTES, &text);
	if (r < 0)
		return err_errno(err, r, "reading the users file '%s'", path);
	return k8s_users_parse(
		(struct slice){ buffer_text(&text), text.len }, path, arena, pairs, err);
}

int k8s_binding_read(
	const struct kube_object *binding, struct arena *arena, struct association_list *pairs)
{
	const json_t *subjects = json_object_get(binding->json, "subjects");
	const json_t *subject;
	size_t i;

	json_array_foreach((json_t *)subjects, i, subject)
	{
		const char *kind = json_string_value(json_object_get(subject, "kind"));
		const char *name = json_string_value(json_object_get(subject, "name"));
		const char *project, *user;
		int r;

		if (!kind || !str_eq(kind, "User") || !name || !*name ||
			!*binding->object_namespace)
			continue;
		project = arena_strdup(arena, binding->object_namespace);
		user = arena_strdup(arena, name);
		r = project && user ? association_list_push(pairs, arena, project, user) : -ENOMEM;
		if (r < 0)
			return r;
	}
	return 0;
}

struct reader {
	struct arena *arena;
	struct association_list *pairs;
};

static int on_binding(void *ctx, const struct kube_object *binding)
{
	const struct reader *reader = ctx;

	return k8s_binding_read(binding, reader->arena, reader->pairs);
}

int k8s_bindings_list(struct kube_client *client, int cancel_fd, struct arena *arena,
	struct association_list *pairs, struct err *err)
{
	struct reader reader = { arena, pairs };
	const struct kube_list list = {
		.client = client,
		.path = "/apis/rbac.authorization.k8s.io/v1/rolebindings",
		.page_limit = PAGE_BINDINGS,
		.timeout_ms = TIMEOUT_MS,
		.each = on_binding,
		.ctx = &reader,
	};

	return kube_list(&list, cancel_fd, NULL, err);
}
