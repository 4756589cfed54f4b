// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/capture_gzip.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <zlib.h>

#include "basic/file.h"
#include "tool/capture/capture_stop.h"

enum { CHUNK_BYTES = 1 << 16 };

int capture_gzip_write(const char *path, struct slice data, struct err *err)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	gzFile file = fd < 0 ? NULL : gzdopen(fd, "wb");
	bool good;

	if (fd < 0)
		return err_errno(err, -errno, "making '%s'", path);
	if (!file) {
		close(fd);
		return err_set(err, -ENOMEM, "writing '%s': no memory", path);
	}
	capture_stop_partial(path);
	good = gzfwrite(data.p, data.n, 1, file) == 1;
	good &= gzclose(file) == Z_OK;
	if (!good)
		unlink(path);
	capture_stop_partial(NULL);
	if (!good)
		return err_set(err, -EIO, "writing '%s' failed", path);
	return 0;
}

int capture_gzip_read(const char *path, size_t limit, struct buffer *out, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	gzFile file = fd < 0 ? NULL : gzdopen(fd, "rb");
	int n = 0, r = 0;

	if (fd < 0)
		return err_errno(err, -errno, "opening '%s'", path);
	if (!file) {
		close(fd);
		return err_set(err, -ENOMEM, "reading '%s': no memory", path);
	}
	while (r >= 0) {
		char chunk[CHUNK_BYTES];

		n = gzread(file, chunk, sizeof(chunk));
		if (n <= 0)
			break;
		if ((size_t)n > limit - out->len)
			r = err_set(err, -E2BIG, "'%s' is larger than %zu bytes", path, limit);
		else
			buffer_append(out, chunk, (size_t)n);
	}
	if (r >= 0 && (gzdirect(file) || n < 0))
		r = err_set(err, -EBADMSG, "'%s' is no gzip file, or damaged", path);
	if (gzclose(file) != Z_OK && r >= 0)
		r = err_set(err, -EBADMSG, "'%s' is cut off", path);
	if (r >= 0 && buffer_error(out))
		r = err_set(err, -ENOMEM, "reading '%s': no memory", path);
	return r;
}
