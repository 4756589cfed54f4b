// SPDX-License-Identifier: Apache-2.0
#include "host/command.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/str.h"

enum {
	STDERR_KEPT_BYTES = 512,
	READ_CHUNK_BYTES = 16384,
	ENV_MAX = 4096,
	/* How often the child is looked at where the kernel has no pidfd (before Linux 5.3). */
	TICK_MS = 20,
	EXEC_FAILED_STATUS = 127,
};

static const char DEFAULT_PATH[] = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/* Everything that the child needs, made before the fork: after it nothing may be allocated. */
struct plan {
	const struct command *command;
	char *path; /* of the program */
	const char **env;
	int out[2], err[2], exec_error[2];
};

static int find_program(const char *name, char **ret_path)
{
	const char *dirs = getenv("PATH");
	struct slice rest, dir;

	if (strchr(name, '/')) {
		*ret_path = strdup(name);
		return *ret_path ? 0 : -ENOMEM;
	}
	rest = slice_from(dirs && dirs[0] ? dirs : DEFAULT_PATH);
	while (slice_next(&rest, ':', &dir)) {
		char *path;

		if (dir.n == 0)
			continue; /* the working directory is not searched */
		if (asprintf(&path, "%.*s/%s", (int)dir.n, dir.p, name) < 0)
			return -ENOMEM;
		if (access(path, X_OK) == 0) {
			*ret_path = path;
			return 0;
		}
		free(path);
	}
	return -ENOENT;
}

static bool same_variable(const char *a, const char *b)
{
	size_t n = strcspn(a, "=");

	return strncmp(a, b, n) == 0 && b[n] == '=';
}

static bool replaced(const char *variable, const char *const *by)
{
	for (; by && *by; by++)
		if (same_variable(*by, variable))
			return true;
	return false;
}

static int merge_env(const char *const *added, const char ***ret_env)
{
	const char **env = calloc(ENV_MAX + 1, sizeof(*env));
	size_t n = 0;

	if (!env)
		return -ENOMEM;
	for (char **e = environ; e && *e && n < ENV_MAX; e++)
		if (!replaced(*e, added))
			env[n++] = *e;
	for (; added && *added && n < ENV_MAX; added++)
		env[n++] = *added;
	*ret_env = env;
	return 0;
}

static void plan_done(struct plan *plan)
{
	free(plan->path);
	free(plan->env);
	for (int i = 0; i < 2; i++) {
		file_closep(&plan->out[i]);
		file_closep(&plan->err[i]);
		file_closep(&plan->exec_error[i]);
	}
}

static int plan_init(struct plan *plan, const struct command *command, struct err *err)
{
	int r;

	*plan = (struct plan){
		.command = command,
		.out = { -1, -1 },
		.err = { -1, -1 },
		.exec_error = { -1, -1 },
	};
	r = find_program(command->argv[0], &plan->path);
	if (r == -ENOENT)
		return err_set(err, r, "no program '%s' in PATH", command->argv[0]);
	if (r >= 0)
		r = merge_env(command->env, &plan->env);
	if (r >= 0 &&
		(pipe2(plan->out, O_CLOEXEC) < 0 || pipe2(plan->err, O_CLOEXEC) < 0 ||
			pipe2(plan->exec_error, O_CLOEXEC) < 0))
		r = -errno;
	if (r < 0)
		return err_errno(err, r, "starting '%s'", command->argv[0]);
	return 0;
}

/* Plain system calls: the C library's wrappers want to tell all threads, of which the child has
 * none. */
static int become_root(void)
{
	if (syscall(SYS_setgroups, 0, NULL) < 0 || syscall(SYS_setgid, 0) < 0 ||
		syscall(SYS_setuid, 0) < 0)
		return -errno;
	return 0;
}

static int child_prepare(const struct plan *plan)
{
	const struct command *c = plan->command;
	struct sigaction standard = { .sa_handler = SIG_DFL };
	sigset_t none;
	int null_fd;

	if ((c->new_session ? setsid() : setpgid(0, 0)) < 0)
		return -errno;
	for (int sig = 1; sig < NSIG; sig++)
		sigaction(sig, &standard, NULL); /* fails for two of them, which is fine */
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);

	null_fd = open("/dev/null", O_RDONLY);
	if (null_fd < 0 || dup2(null_fd, 0) < 0 || dup2(plan->out[1], 1) < 0 ||
		dup2(c->merge_stderr ? plan->out[1] : plan->err[1], 2) < 0)
		return -errno;
	if (c->as_root && become_root() < 0)
		return -errno;
	return 0;
}

/* Also those that some library opened without O_CLOEXEC. */
static void close_others(int keep)
{
	int max = (int)sysconf(_SC_OPEN_MAX);

	if ((keep == 3 || syscall(SYS_close_range, 3, keep - 1, 0) == 0) &&
		syscall(SYS_close_range, keep + 1, ~0U, 0) == 0)
		return;
	for (int fd = 3; fd < max; fd++) /* before Linux 5.9 */
		if (fd != keep)
			close(fd);
}

static _Noreturn void child_main(const struct plan *plan)
{
	int r = child_prepare(plan);

	if (r >= 0) {
		close_others(plan->exec_error[1]);
		execve(plan->path, (char *const *)plan->command->argv, (char *const *)plan->env);
		r = -errno;
	}
	if (write(plan->exec_error[1], &r, sizeof(r)) < 0)
		_exit(EXEC_FAILED_STATUS + 1);
	_exit(EXEC_FAILED_STATUS);
}

/* A running child and what is left to read from it. */
struct child {
	pid_t pid;
	int pidfd; /* -1: not supported */
	int status; /* once reaped */
	bool ended;
	int out_fd, err_fd; /* -1 when read to the end */
	char err_head[STDERR_KEPT_BYTES];
	size_t err_len;
};

/* False: it has become another user's, as sudo does. */
static bool kill_group(pid_t pid)
{
	bool may = kill(-pid, SIGKILL) == 0 || errno != EPERM;

	/* In case it has not made its group yet. */
	return (kill(pid, SIGKILL) == 0 || errno != EPERM) && may;
}

/* A process of another user can only be killed by one of that user, or with a capability that
 * nothing else needs. */
static bool child_kill(const struct child *child, bool is_root)
{
	pid_t killer;

	if (!is_root || geteuid() == 0)
		return kill_group(child->pid);
	do {
		killer = fork();
	} while (killer < 0 && errno == EINTR);
	if (killer == 0) {
		if (become_root() >= 0)
			kill_group(child->pid);
		_exit(0);
	}
	while (killer > 0 && waitpid(killer, NULL, 0) < 0 && errno == EINTR)
		;
	return true;
}

static void child_reap(struct child *child)
{
	pid_t pid;

	do {
		pid = waitpid(child->pid, &child->status, 0);
	} while (pid < 0 && errno == EINTR);
}

/* The ended child stays a zombie until it is reaped, so that its group can be killed safely. */
static void child_look(struct child *child)
{
	siginfo_t info = { .si_pid = 0 };

	if (waitid(P_PID, (id_t)child->pid, &info, WEXITED | WNOHANG | WNOWAIT) == 0)
		child->ended = info.si_pid != 0;
}

/*
 * One that can't be ended is waited for, so that there is never a second one, but the program's end
 * doesn't wait: the child is init's then.
 */
static bool child_outlives(struct child *child, int cancel_fd)
{
	child->out_fd = child->err_fd = -1;
	while (!child->ended) {
		struct pollfd fds[] = {
			{ .fd = child->pidfd, .events = POLLIN },
			{ .fd = cancel_fd > 0 ? cancel_fd : -1, .events = POLLIN },
		};

		if (poll(fds, ARRAY_SIZE(fds), child->pidfd < 0 ? TICK_MS : -1) > 0 &&
			fds[1].revents)
			return true;
		child_look(child);
	}
	return false;
}

/* 1: more may come, 0: end of file. */
static int read_output(
	struct child *child, const struct command *c, size_t limit, struct buffer *out)
{
	char chunk[READ_CHUNK_BYTES];
	ssize_t n = read(child->out_fd, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EINTR || errno == EAGAIN ? 1 : -errno;
	if (n == 0) {
		child->out_fd = -1;
		return 0;
	}
	if (c->output)
		return c->output(c->output_ctx, (struct slice){ chunk, (size_t)n }) < 0 ? -ECANCELED
											: 1;
	if (out->len + (size_t)n > limit)
		return -E2BIG;
	buffer_append(out, chunk, (size_t)n);
	return buffer_error(out) ? buffer_error(out) : 1;
}

static void read_errors(struct child *child)
{
	char chunk[READ_CHUNK_BYTES];
	ssize_t n = read(child->err_fd, chunk, sizeof(chunk));
	size_t room = sizeof(child->err_head) - child->err_len;

	if (n < 0 && (errno == EINTR || errno == EAGAIN))
		return;
	if (n <= 0) {
		child->err_fd = -1;
		return;
	}
	memcpy(child->err_head + child->err_len, chunk, MIN((size_t)n, room));
	child->err_len += MIN((size_t)n, room);
}

/* Until the child has ended and its pipes are empty, or something is over a limit. */
static int child_follow(struct child *child, const struct command *c, struct buffer *out)
{
	int64_t end_ns = clock_monotonic_ns(clock_system()) + c->timeout_ms * 1000000;
	size_t limit = out->len + c->max_output_bytes;

	while (!child->ended || child->out_fd >= 0 || child->err_fd >= 0) {
		int64_t left_ms = (end_ns - clock_monotonic_ns(clock_system()) + 999999) / 1000000;
		int64_t tick = !child->ended && child->pidfd < 0 ? TICK_MS : left_ms;
		struct pollfd fds[] = {
			{ .fd = child->out_fd, .events = POLLIN },
			{ .fd = child->err_fd, .events = POLLIN },
			{ .fd = child->ended ? -1 : child->pidfd, .events = POLLIN },
			{ .fd = c->cancel_fd > 0 ? c->cancel_fd : -1, .events = POLLIN },
		};
		int r;

		if (left_ms <= 0)
			return -ETIMEDOUT;
		r = poll(fds, ARRAY_SIZE(fds), (int)MIN(MIN(left_ms, tick), INT32_MAX));
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r < 0)
			continue;
		if (fds[3].revents)
			return -ECANCELED;
		if (fds[0].revents && (r = read_output(child, c, limit, out)) < 0)
			return r;
		if (fds[1].revents)
			read_errors(child);
		if (!child->ended && (child->pidfd < 0 || fds[2].revents))
			child_look(child);
	}
	return 0;
}

static int describe_end(const struct child *child, const struct command *c,
	const struct buffer *out, size_t out_start, struct err *err)
{
	struct slice said = { child->err_head, child->err_len }, line = { "", 0 };
	const char *colon = ": ";

	if (WIFEXITED(child->status) && WEXITSTATUS(child->status) == 0)
		return 0;
	if (c->merge_stderr && out->len > out_start)
		said = (struct slice){ out->data + out_start, out->len - out_start };
	if (!slice_next_line(&said, &line) || slice_trim(line).n == 0)
		colon = "";
	line = slice_trim(line);
	if (WIFSIGNALED(child->status))
		return err_set(err, -EIO, "'%s' was ended by signal %d%s%.*s", c->argv[0],
			WTERMSIG(child->status), colon, (int)MIN(line.n, STDERR_KEPT_BYTES),
			line.p);
	return err_set(err, -EIO, "'%s' ended with status %d%s%.*s", c->argv[0],
		WEXITSTATUS(child->status), colon, (int)MIN(line.n, STDERR_KEPT_BYTES), line.p);
}

static int describe_failure(int r, const struct command *c, struct err *err)
{
	switch (r) {
	case -ETIMEDOUT:
		return err_set(err, r, "'%s' took longer than %lld ms and was ended", c->argv[0],
			(long long)c->timeout_ms);
	case -E2BIG:
		return err_set(err, r, "'%s' wrote more than %zu bytes and was ended", c->argv[0],
			c->max_output_bytes);
	case -ECANCELED:
		return err_set(err, r, "'%s' was ended because the program stops", c->argv[0]);
	default:
		return err_errno(err, r, "running '%s'", c->argv[0]);
	}
}

/* Whether the program could be executed at all; waits until it is known. */
static int exec_result(int fd)
{
	int r = 0;
	ssize_t n;

	do {
		n = read(fd, &r, sizeof(r));
	} while (n < 0 && errno == EINTR);
	return n == sizeof(r) ? r : 0;
}

static int run_child(struct plan *plan, struct buffer *out, struct err *err)
{
	const struct command *c = plan->command;
	struct child child = { .pidfd = -1, .out_fd = plan->out[0], .err_fd = plan->err[0] };
	size_t out_start = out->len;
	int r;

	child.pid = fork();
	if (child.pid < 0)
		return err_errno(err, -errno, "starting '%s'", c->argv[0]);
	if (child.pid == 0)
		child_main(plan);

	file_closep(&plan->out[1]);
	file_closep(&plan->err[1]);
	file_closep(&plan->exec_error[1]);
	r = exec_result(plan->exec_error[0]);
	if (r < 0) {
		child_reap(&child);
		return err_errno(err, r, "executing '%s'", plan->path);
	}
	child.pidfd = (int)syscall(SYS_pidfd_open, child.pid, 0);
	r = child_follow(&child, c, out);
	if (r < 0 && !child_kill(&child, c->as_root)) {
		/* It may wait for somebody to read what it writes. */
		file_closep(&plan->out[0]);
		file_closep(&plan->err[0]);
		if (child_outlives(&child, c->cancel_fd))
			child.pid = -1;
	}
	if (child.pid > 0)
		child_reap(&child);
	file_closep(&child.pidfd);
	if (r < 0)
		return describe_failure(r, c, err);
	return describe_end(&child, c, out, out_start, err);
}

int command_run(const struct command *command, struct buffer *out, struct err *err)
{
	struct plan plan;
	int r = plan_init(&plan, command, err);

	if (r >= 0)
		r = run_child(&plan, out, err);
	plan_done(&plan);
	return r;
}
