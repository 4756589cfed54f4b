// SPDX-License-Identifier: Apache-2.0
#include "host/privilege.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/str.h"
#include "host/acl.h"

enum { WARNINGS_MAX = 4, WARNING_TEXT_MAX = 512 };

/* To change a list and to get at a file in a closed folder. The latter is held only until the
 * drop is done; all files that were changed can be reached without it then. */
static const capability_set FOR_ACLS = CAPABILITY(CAP_FOWNER) | CAPABILITY(CAP_DAC_READ_SEARCH);

struct account {
	uid_t uid;
	gid_t gid;
	char name[256], home[512];
};

/* An access control entry to be put back at exit. */
struct changed_acl {
	char *path;
	int before; /* permissions, or ACL_ABSENT */
};

struct privilege {
	uid_t uid;
	struct changed_acl *acls;
	size_t n_acls;
	char warning[WARNINGS_MAX][WARNING_TEXT_MAX];
	const char *warnings[WARNINGS_MAX];
	size_t n_warnings;
};

struct capability_state {
	capability_set effective, permitted, inheritable;
};

static struct __user_cap_header_struct capability_header(void)
{
	return (struct __user_cap_header_struct){ .version = _LINUX_CAPABILITY_VERSION_3 };
}

/* Of the calling thread. */
static int get_capabilities(struct capability_state *ret_state)
{
	struct __user_cap_header_struct header = capability_header();
	struct __user_cap_data_struct data[2];

	*ret_state = (struct capability_state){ 0 };
	if (capget(&header, data) < 0)
		return -errno;
	*ret_state = (struct capability_state){
		.effective = data[0].effective | (capability_set)data[1].effective << 32,
		.permitted = data[0].permitted | (capability_set)data[1].permitted << 32,
		.inheritable = data[0].inheritable | (capability_set)data[1].inheritable << 32,
	};
	return 0;
}

static int set_capabilities(const struct capability_state *s)
{
	struct __user_cap_header_struct header = capability_header();
	struct __user_cap_data_struct data[2] = {
		{ (uint32_t)s->effective, (uint32_t)s->permitted, (uint32_t)s->inheritable },
		{ (uint32_t)(s->effective >> 32), (uint32_t)(s->permitted >> 32),
			(uint32_t)(s->inheritable >> 32) },
	};

	return capset(&header, data) < 0 ? -errno : 0;
}

capability_set privilege_raise(capability_set wanted)
{
	struct capability_state state;
	capability_set raised;

	if (!wanted || get_capabilities(&state) < 0)
		return 0;
	raised = wanted & state.permitted & ~state.effective;
	if (!raised)
		return 0;
	state.effective |= raised;
	return set_capabilities(&state) < 0 ? 0 : raised;
}

void privilege_lower(capability_set raised)
{
	struct capability_state state;

	if (!raised || get_capabilities(&state) < 0)
		return;
	state.effective &= ~raised;
	set_capabilities(&state);
}

static int find_account(const char *user, struct account *ret_account, struct err *err)
{
	const struct passwd *pw;
	uint64_t uid;

	errno = 0;
	pw = getpwnam(user);
	if (!pw && slice_to_u64(slice_from(user), &uid) >= 0 && uid < UINT32_MAX)
		pw = getpwuid((uid_t)uid);
	if (!pw)
		return err_set(err, -ENOENT, "no user '%s' to run as", user);
	ret_account->uid = pw->pw_uid;
	ret_account->gid = pw->pw_gid;
	if (strlen(pw->pw_name) >= sizeof(ret_account->name) ||
		strlen(pw->pw_dir) >= sizeof(ret_account->home))
		return err_set(err, -E2BIG, "the entry of user '%s' is too long", user);
	strcpy(ret_account->name, pw->pw_name);
	strcpy(ret_account->home, pw->pw_dir);
	return 0;
}

/* The user's groups are kept: an administrator may have given access to a device by one. */
static int change_user(const struct account *account, struct err *err)
{
	if (prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) < 0 ||
		initgroups(account->name, account->gid) < 0 ||
		setresgid(account->gid, account->gid, account->gid) < 0 ||
		setresuid(account->uid, account->uid, account->uid) < 0 ||
		prctl(PR_SET_KEEPCAPS, 0L, 0L, 0L, 0L) < 0)
		return err_errno(err, -errno, "becoming user '%s'", account->name);
	if (setenv("HOME", account->home, 1) < 0)
		return err_errno(err, -errno, "setting HOME");
	return 0;
}

static void warn_missing(struct privilege *p, capability_set missing)
{
	char *text;
	size_t len = 0;

	if (!missing || p->n_warnings == WARNINGS_MAX)
		return;
	text = p->warning[p->n_warnings];
	text[0] = '\0';
	for (int cap = 0; cap < 64; cap++) {
		char *name = missing & CAPABILITY(cap) ? cap_to_name(cap) : NULL;
		size_t n = name ? strlen(name) : 0;

		if (name && len + n + 2 < WARNING_TEXT_MAX / 2) {
			if (len)
				text[len++] = ' ';
			memcpy(text + len, name, n + 1);
			len += n;
		}
		if (name)
			cap_free(name);
	}
	strcat(text, ": not held, what needs it will fail");
	p->warnings[p->n_warnings++] = text;
}

/* To what is needed and held; nothing effective unless wanted. */
static int reduce(struct privilege *p, capability_set needed, bool keep_effective, struct err *err)
{
	struct capability_state state;
	int r = get_capabilities(&state);

	if (r >= 0) {
		warn_missing(p, needed & ~state.permitted);
		state.permitted &= needed;
		state.effective = keep_effective ? state.permitted : 0;
		state.inheritable = 0;
		r = set_capabilities(&state);
	}
	return r < 0 ? err_errno(err, r, "reducing capabilities") : 0;
}

static int remember_acl(struct privilege *p, const char *path, int before)
{
	struct changed_acl *acls = reallocarray(p->acls, p->n_acls + 1, sizeof(*acls));
	char *copy = strdup(path);

	if (acls)
		p->acls = acls;
	if (!acls || !copy) {
		free(copy);
		return -ENOMEM;
	}
	acls[p->n_acls].path = copy;
	acls[p->n_acls++].before = before;
	return 0;
}

/* access(2) asks for the real user without capabilities, thus after the change of user. */
static int ensure_path(
	struct privilege *p, const char *path, bool for_writing, bool may_change, struct err *err)
{
	int mode = for_writing ? R_OK | W_OK : R_OK;
	int permissions = for_writing ? ACL_READ | ACL_WRITE : ACL_READ;
	capability_set raised;
	struct stat st;
	int before, r = 0;

	if (access(path, mode) == 0)
		return 0;
	if (!may_change)
		return err_errno(err, -errno, "'%s' must be accessible", path);

	raised = privilege_raise(FOR_ACLS);
	if (stat(path, &st) < 0)
		r = -errno;
	else if (S_ISDIR(st.st_mode))
		permissions |= ACL_EXECUTE;
	if (r >= 0)
		r = acl_file_set_user(path, p->uid, permissions, &before);
	if (r >= 0)
		r = remember_acl(p, path, before);
	privilege_lower(raised);
	if (r < 0)
		return err_errno(err, r, "giving the user to run as access to '%s'", path);
	if (access(path, mode) < 0)
		return err_errno(err, -errno,
			"'%s' cannot be reached by the user to run as; look at the directories above it",
			path);
	return 0;
}

static int ensure_paths(
	struct privilege *p, const struct privilege_plan *plan, bool may_change, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r >= 0 && i < plan->read_paths.n; i++)
		r = ensure_path(p, plan->read_paths.v[i], false, may_change, err);
	for (size_t i = 0; r >= 0 && i < plan->write_paths.n; i++)
		r = ensure_path(p, plan->write_paths.v[i], true, may_change, err);
	return r;
}

static int drop_root(struct privilege *p, const struct privilege_plan *plan, struct err *err)
{
	const char *user = plan->run_as_user && plan->run_as_user[0] ? plan->run_as_user : "nobody";
	capability_set needed = plan->needed;
	struct account account;
	struct capability_state state;
	int r = find_account(user, &account, err);

	if (r < 0)
		return r;
	p->uid = account.uid;
	if (account.uid != 0) {
		r = change_user(&account, err);
		if (r < 0)
			return r;
		/* Only what the next step may use, until it is done. */
		r = get_capabilities(&state);
		if (r >= 0) {
			state.permitted &= needed | FOR_ACLS;
			state.effective = state.inheritable = 0;
			r = set_capabilities(&state);
		}
		if (r < 0)
			return err_errno(err, r, "reducing capabilities");
		r = ensure_paths(p, plan, true, err);
		if (r < 0)
			return r;
		for (size_t i = 0; i < plan->passing_paths.n; i++)
			(void)ensure_path(p, plan->passing_paths.v[i], true, true, NULL);
		if (p->n_acls > 0)
			needed |= CAPABILITY(CAP_FOWNER);
	}
	return reduce(p, needed, plan->keep_effective, err);
}

static int drop_user(struct privilege *p, const struct privilege_plan *plan, struct err *err)
{
	struct capability_state state;
	struct account account;
	int r = 0;

	p->uid = geteuid();
	if (plan->run_as_user && plan->run_as_user[0])
		r = find_account(plan->run_as_user, &account, err);
	if (r >= 0)
		r = ensure_paths(p, plan, false, err);
	if (r < 0)
		return r;
	r = get_capabilities(&state);
	if (r < 0)
		return err_errno(err, r, "reading capabilities");
	return state.permitted ? reduce(p, plan->needed, plan->keep_effective, err) : 0;
}

int privilege_drop(const struct privilege_plan *plan, struct privilege **ret_privilege,
	struct strings *ret_warnings, struct err *err)
{
	struct privilege *p = calloc(1, sizeof(*p));
	int r;

	if (!p)
		return err_errno(err, -ENOMEM, "dropping privileges");
	r = geteuid() == 0 ? drop_root(p, plan, err) : drop_user(p, plan, err);
	if (r < 0) {
		privilege_free(p);
		return r;
	}
	*ret_warnings = (struct strings){ p->warnings, p->n_warnings };
	*ret_privilege = p;
	return 0;
}

void privilege_free(struct privilege *privilege)
{
	capability_set raised;
	int before;

	if (!privilege)
		return;
	raised = privilege_raise(FOR_ACLS);
	/* The last one first: what is in a closed folder is reached by the folder's entry. */
	for (size_t i = privilege->n_acls; i-- > 0;) {
		struct changed_acl *acl = &privilege->acls[i];

		/* A file that went meanwhile took its entry along; nobody is left to be told more.
		 */
		acl_file_set_user(acl->path, privilege->uid, acl->before, &before);
		free(acl->path);
	}
	privilege_lower(raised);
	free(privilege->acls);
	free(privilege);
}
