// SPDX-License-Identifier: Apache-2.0
/*
 * One user's entry in a POSIX access control list, as the kernel keeps it in the attribute
 * system.posix_acl_access (linux/posix_acl_xattr.h). The editing is pure; lists are short, so there
 * is a fixed limit on entries.
 */
#ifndef CEEMS_HOST_ACL_H
#define CEEMS_HOST_ACL_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

enum { ACL_ENTRIES_MAX = 128, ACL_ABSENT = -1 };

enum acl_permission { ACL_EXECUTE = 1, ACL_WRITE = 2, ACL_READ = 4 };

struct acl_entry {
	uint16_t tag, permissions;
	uint32_t id;
};

struct acl {
	struct acl_entry entries[ACL_ENTRIES_MAX]; /* in the kernel's order */
	size_t n;
};

/* The list that says the same as a file's mode bits. */
void acl_from_mode(struct acl *acl, mode_t mode);

/* The attribute's bytes. -EBADMSG: no access control list, -E2BIG: too many entries. */
int acl_decode(struct acl *acl, const void *data, size_t len);
enum { ACL_BYTES_MAX = 4 + 8 * ACL_ENTRIES_MAX };
size_t acl_encode(const struct acl *acl, uint8_t ret_data[static ACL_BYTES_MAX]);

/*
 * Gives the user exactly these permissions, or takes the entry out (ACL_ABSENT); the mask is
 * widened as far as the entry needs and goes with the last entry that needs one. ret_before: what
 * the user had by an entry (ACL_ABSENT: none). -E2BIG: too many entries.
 */
int acl_set_user(struct acl *acl, uid_t uid, int permissions, int *ret_before);

/* The same on a file. -ENOTSUP: the file system has no lists. */
int acl_file_set_user(const char *path, uid_t uid, int permissions, int *ret_before);

#endif
