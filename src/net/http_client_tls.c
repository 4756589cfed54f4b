// SPDX-License-Identifier: Apache-2.0
/* Names of the files that hold TLS material; curl's GnuTLS backend takes nothing else. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "basic/file.h"
#include "net/http_client_internal.h"

char *http_client_path(const char *directory, const char *path)
{
	char *text;

	if (*path == '/' || !directory || !*directory)
		return strdup(path);
	return asprintf(&text, "%s/%s", directory, path) < 0 ? NULL : text;
}

/* Inline PEM goes into memory that has a name: it never touches a disk. */
static int path_of_text(const char *text, int *ret_fd, char **ret_path)
{
	CLEANUP(file_closep) int fd = memfd_create("ceems-tls", MFD_CLOEXEC);
	size_t len = strlen(text);

	if (fd < 0)
		return -errno;
	if (write(fd, text, len) != (ssize_t)len)
		return -EIO;
	if (asprintf(ret_path, "/proc/self/fd/%d", fd) < 0)
		return -ENOMEM;
	*ret_fd = fd;
	fd = -1;
	return 0;
}

int http_tls_files_init(struct http_tls_files *files, const struct http_client_tls *tls,
	const char *directory, struct err *err)
{
	const char *const sources[HTTP_TLS_N][2] = {
		[HTTP_TLS_CA] = { tls->ca, tls->ca_file },
		[HTTP_TLS_CERT] = { tls->cert, tls->cert_file },
		[HTTP_TLS_KEY] = { tls->key, tls->key_file },
	};

	*files = (struct http_tls_files){
		.fds = { -1, -1, -1 },
		.min_version = http_client_tls_version(tls->min_version),
		.max_version = http_client_tls_version(tls->max_version),
		.server_name = tls->server_name && *tls->server_name ? tls->server_name : NULL,
		.insecure = tls->insecure_skip_verify,
	};
	for (int i = 0; i < HTTP_TLS_N; i++) {
		const char *text = sources[i][0], *file = sources[i][1];
		int r = 0;

		if (text && *text)
			r = path_of_text(text, &files->fds[i], &files->paths[i]);
		else if (file && *file)
			files->paths[i] = http_client_path(directory, file);
		if (r >= 0 && file && *file && !files->paths[i])
			r = -ENOMEM;
		if (r < 0)
			return err_errno(err, r, "tls_config");
	}
	return 0;
}

int http_client_check_files(const struct http_client *client, struct err *err)
{
	for (int i = 0; i < HTTP_TLS_N; i++) {
		const char *path = client->tls.paths[i];
		CLEANUP(file_closep) int fd = -1;

		if (!path)
			continue;
		fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
		if (fd < 0)
			return err_errno(err, -errno, "tls_config: '%s'", path);
	}
	return 0;
}

void http_tls_files_done(struct http_tls_files *files)
{
	for (int i = 0; i < HTTP_TLS_N; i++) {
		free(files->paths[i]);
		if (files->paths[i])
			file_closep(&files->fds[i]);
	}
}
