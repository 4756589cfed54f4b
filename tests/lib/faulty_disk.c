// SPDX-License-Identifier: Apache-2.0
#include "faulty_disk.h"

#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/macros.h"
#include "unit_test.h"

enum { SECTOR = 512, FILES_MAX = 64 };

/* A write or cut that is not synced, with what it replaced. */
struct change {
	char path[PATH_MAX];
	int64_t offset, old_size, new_size; /* sizes of the file */
	size_t len; /* 0: only the size changed */
	unsigned char *old, *new;
};

struct faulty_file {
	sqlite3_file base;
	char path[PATH_MAX];
	sqlite3_file *real; /* behind this struct */
};

static struct {
	sqlite3_vfs vfs, *real;
	enum faulty_disk_mode mode;
	unsigned until; /* operations until the moment */
	bool failed;
	struct change *changes;
	size_t n, cap;
} disk;

static sqlite3_file *real_of(sqlite3_file *file)
{
	return ((struct faulty_file *)file)->real;
}

static bool tracks(void)
{
	return disk.mode == DISK_LOSES_POWER;
}

/* Counts an operation; what it returns if it is refused. */
static int operation(void)
{
	if (disk.mode == DISK_FULL)
		return SQLITE_FULL;
	if (disk.mode == DISK_READ_ONLY)
		return SQLITE_READONLY;
	if (disk.mode != DISK_LOSES_POWER && disk.mode != DISK_KILLS)
		return SQLITE_OK;
	if (!disk.failed && --disk.until == 0) {
		if (disk.mode == DISK_KILLS)
			raise(SIGKILL);
		disk.failed = true;
	}
	return disk.failed ? SQLITE_IOERR : SQLITE_OK;
}

static unsigned char *read_old(const char *path, int64_t offset, size_t len)
{
	unsigned char *old = calloc(1, len + 1);
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	assert_non_null(old);
	if (fd >= 0) {
		(void)!pread(fd, old, len, offset);
		close(fd);
	}
	return old;
}

static void remember(const char *path, int64_t offset, const void *data, size_t len, int64_t size)
{
	struct change *c;
	struct stat st;

	if (disk.n == disk.cap) {
		disk.cap = disk.cap ? disk.cap * 2 : 256;
		disk.changes = realloc(disk.changes, disk.cap * sizeof(*disk.changes));
		assert_non_null(disk.changes);
	}
	c = &disk.changes[disk.n++];
	*c = (struct change){ .offset = offset, .len = len };
	snprintf(c->path, sizeof(c->path), "%s", path);
	assert_int_equal(stat(path, &st), 0);
	c->old_size = st.st_size;
	c->new_size = len ? MAX(c->old_size, offset + (int64_t)len) : size;
	if (!len && size < c->old_size) {
		/* What a cut takes away. */
		c->offset = size;
		len = (size_t)(c->old_size - size);
		c->len = len;
		c->old = read_old(path, size, len);
		return;
	}
	c->old = read_old(path, offset, len);
	c->new = calloc(1, len + 1);
	assert_non_null(c->new);
	if (len)
		memcpy(c->new, data, len);
}

/* The file is on the disk as it is now. */
static void forget(const char *path)
{
	size_t kept = 0;

	for (size_t i = 0; i < disk.n; i++) {
		struct change *c = &disk.changes[i];

		if (strcmp(c->path, path) == 0) {
			free(c->old);
			free(c->new);
		} else {
			disk.changes[kept++] = *c;
		}
	}
	disk.n = kept;
}

static int file_close(sqlite3_file *file)
{
	return real_of(file)->pMethods->xClose(real_of(file));
}

static int file_read(sqlite3_file *file, void *data, int len, sqlite3_int64 offset)
{
	if (disk.mode == DISK_UNREADABLE)
		return SQLITE_IOERR_READ;
	return real_of(file)->pMethods->xRead(real_of(file), data, len, offset);
}

static int file_write(sqlite3_file *file, const void *data, int len, sqlite3_int64 offset)
{
	int code = operation();

	if (code == SQLITE_OK && tracks())
		remember(((struct faulty_file *)file)->path, offset, data, (size_t)len, 0);
	return code == SQLITE_OK ? real_of(file)->pMethods->xWrite(real_of(file), data, len, offset)
				 : code;
}

static int file_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	int code = operation();

	if (code == SQLITE_OK && tracks())
		remember(((struct faulty_file *)file)->path, 0, NULL, 0, size);
	return code == SQLITE_OK ? real_of(file)->pMethods->xTruncate(real_of(file), size) : code;
}

/* A sync in which the power goes has done nothing yet. */
static int file_sync(sqlite3_file *file, int flags)
{
	int code = operation();

	if (code == SQLITE_OK && tracks())
		forget(((struct faulty_file *)file)->path);
	return code == SQLITE_OK ? real_of(file)->pMethods->xSync(real_of(file), flags) : code;
}

static int file_size(sqlite3_file *file, sqlite3_int64 *size)
{
	return real_of(file)->pMethods->xFileSize(real_of(file), size);
}

static int file_lock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xLock(real_of(file), level);
}

static int file_unlock(sqlite3_file *file, int level)
{
	return real_of(file)->pMethods->xUnlock(real_of(file), level);
}

static int file_check_lock(sqlite3_file *file, int *out)
{
	return real_of(file)->pMethods->xCheckReservedLock(real_of(file), out);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
	/* A hint to make the file longer would not be seen here. */
	if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE)
		return SQLITE_OK;
	return real_of(file)->pMethods->xFileControl(real_of(file), op, arg);
}

static int file_sector_size(sqlite3_file *file)
{
	return SECTOR;
}

/* None of the promises that some disks make. */
static int file_characteristics(sqlite3_file *file)
{
	return 0;
}

static int shm_map(sqlite3_file *file, int page, int size, int extend, void volatile **out)
{
	return real_of(file)->pMethods->xShmMap(real_of(file), page, size, extend, out);
}

static int shm_lock(sqlite3_file *file, int offset, int n, int flags)
{
	return real_of(file)->pMethods->xShmLock(real_of(file), offset, n, flags);
}

static void shm_barrier(sqlite3_file *file)
{
	real_of(file)->pMethods->xShmBarrier(real_of(file));
}

static int shm_unmap(sqlite3_file *file, int delete)
{
	return real_of(file)->pMethods->xShmUnmap(real_of(file), delete);
}

static const sqlite3_io_methods methods = {
	.iVersion = 2,
	.xClose = file_close,
	.xRead = file_read,
	.xWrite = file_write,
	.xTruncate = file_truncate,
	.xSync = file_sync,
	.xFileSize = file_size,
	.xLock = file_lock,
	.xUnlock = file_unlock,
	.xCheckReservedLock = file_check_lock,
	.xFileControl = file_control,
	.xSectorSize = file_sector_size,
	.xDeviceCharacteristics = file_characteristics,
	.xShmMap = shm_map,
	.xShmLock = shm_lock,
	.xShmBarrier = shm_barrier,
	.xShmUnmap = shm_unmap,
};

static int vfs_open(
	sqlite3_vfs *vfs, const char *path, sqlite3_file *file, int flags, int *ret_flags)
{
	struct faulty_file *f = (struct faulty_file *)file;
	int code;

	*f = (struct faulty_file){ .real = (sqlite3_file *)(void *)(f + 1) };
	snprintf(f->path, sizeof(f->path), "%s", path ? path : "");
	code = disk.real->xOpen(disk.real, path, f->real, flags, ret_flags);
	if (f->real->pMethods)
		f->base.pMethods = &methods;
	return code;
}

static int vfs_delete(sqlite3_vfs *vfs, const char *path, int sync)
{
	int code = operation();

	if (code == SQLITE_OK && tracks())
		forget(path);
	return code == SQLITE_OK ? disk.real->xDelete(disk.real, path, sync) : code;
}

static int vfs_access(sqlite3_vfs *vfs, const char *path, int flags, int *out)
{
	return disk.real->xAccess(disk.real, path, flags, out);
}

static int vfs_full_path(sqlite3_vfs *vfs, const char *path, int n, char *out)
{
	return disk.real->xFullPathname(disk.real, path, n, out);
}

void faulty_disk_install(void)
{
	disk.real = sqlite3_vfs_find(NULL);
	disk.vfs = *disk.real;
	disk.vfs.szOsFile += (int)sizeof(struct faulty_file);
	disk.vfs.zName = "faulty";
	disk.vfs.pNext = NULL;
	disk.vfs.xOpen = vfs_open;
	disk.vfs.xDelete = vfs_delete;
	disk.vfs.xAccess = vfs_access;
	disk.vfs.xFullPathname = vfs_full_path;
	assert_int_equal(sqlite3_vfs_register(&disk.vfs, 1), SQLITE_OK);
}

void faulty_disk_set(enum faulty_disk_mode mode, unsigned n)
{
	disk.mode = mode;
	disk.until = n;
	disk.failed = false;
}

bool faulty_disk_failed(void)
{
	return disk.failed;
}

/* Some of the sectors of a change reach the disk. */
static void write_part(int fd, const struct change *c, uint64_t *seed)
{
	for (size_t at = 0; at < c->len; at += SECTOR) {
		size_t len = MIN(c->len - at, (size_t)SECTOR);

		*seed = *seed * 6364136223846793005U + 1442695040888963407U;
		if (*seed >> 63)
			assert_int_equal(pwrite(fd, c->new + at, len, c->offset + (int64_t)at),
				(ssize_t)len);
	}
}

static int open_changed(const struct change *c)
{
	int fd = open(c->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);

	assert_true(fd >= 0);
	return fd;
}

void faulty_disk_lose(uint64_t seed)
{
	/* Back to the last syncs, then some of it again. */
	for (size_t i = disk.n; i-- > 0;) {
		const struct change *c = &disk.changes[i];
		int fd = open_changed(c);

		if (c->len)
			assert_int_equal(pwrite(fd, c->old, c->len, c->offset), (ssize_t)c->len);
		assert_int_equal(ftruncate(fd, c->old_size), 0);
		close(fd);
	}
	for (size_t i = 0; i < disk.n; i++) {
		struct change *c = &disk.changes[i];
		int fd = open_changed(c);

		seed = seed * 6364136223846793005U + 1442695040888963407U;
		if (c->new)
			write_part(fd, c, &seed);
		else if (seed >> 63)
			assert_int_equal(ftruncate(fd, c->new_size), 0);
		close(fd);
		free(c->old);
		free(c->new);
	}
	free(disk.changes);
	disk.changes = NULL;
	disk.n = disk.cap = 0;
}
