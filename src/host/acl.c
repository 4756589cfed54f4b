// SPDX-License-Identifier: Apache-2.0
#include "host/acl.h"

#include <endian.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/xattr.h>

static const char ATTRIBUTE[] = "system.posix_acl_access";
static const uint32_t VERSION = 2, NO_ID = UINT32_MAX;

enum {
	TAG_USER_OBJ = 0x01,
	TAG_USER = 0x02,
	TAG_GROUP_OBJ = 0x04,
	TAG_GROUP = 0x08,
	TAG_MASK = 0x10,
	TAG_OTHER = 0x20,
	HEADER_BYTES = 4,
	ENTRY_BYTES = 8,
};

void acl_from_mode(struct acl *acl, mode_t mode)
{
	acl->n = 3;
	acl->entries[0] = (struct acl_entry){ TAG_USER_OBJ, mode >> 6 & 7, NO_ID };
	acl->entries[1] = (struct acl_entry){ TAG_GROUP_OBJ, mode >> 3 & 7, NO_ID };
	acl->entries[2] = (struct acl_entry){ TAG_OTHER, mode & 7, NO_ID };
}

int acl_decode(struct acl *acl, const void *data, size_t len)
{
	const uint8_t *p = data;
	uint32_t version;

	if (len < HEADER_BYTES || (len - HEADER_BYTES) % ENTRY_BYTES != 0)
		return -EBADMSG;
	memcpy(&version, p, sizeof(version));
	if (le32toh(version) != VERSION)
		return -EBADMSG;
	if ((len - HEADER_BYTES) / ENTRY_BYTES > ACL_ENTRIES_MAX)
		return -E2BIG;

	acl->n = (len - HEADER_BYTES) / ENTRY_BYTES;
	p += HEADER_BYTES;
	for (size_t i = 0; i < acl->n; i++, p += ENTRY_BYTES) {
		struct acl_entry e;

		memcpy(&e, p, sizeof(e));
		acl->entries[i] = (struct acl_entry){ le16toh(e.tag), le16toh(e.permissions) & 7,
			le32toh(e.id) };
	}
	return 0;
}

size_t acl_encode(const struct acl *acl, uint8_t ret_data[static ACL_BYTES_MAX])
{
	uint32_t version = htole32(VERSION);
	uint8_t *p = ret_data + HEADER_BYTES;

	memcpy(ret_data, &version, sizeof(version));
	for (size_t i = 0; i < acl->n; i++, p += ENTRY_BYTES) {
		const struct acl_entry *e = &acl->entries[i];
		struct acl_entry le = { htole16(e->tag), htole16(e->permissions), htole32(e->id) };

		memcpy(p, &le, sizeof(le));
	}
	return (size_t)(p - ret_data);
}

static void remove_at(struct acl *acl, size_t i)
{
	memmove(&acl->entries[i], &acl->entries[i + 1], (acl->n - i - 1) * sizeof(*acl->entries));
	acl->n--;
}

/* Entries are sorted by tag, those of one tag by id. */
static int insert(struct acl *acl, struct acl_entry entry)
{
	size_t i = 0;

	if (acl->n == ACL_ENTRIES_MAX)
		return -E2BIG;
	while (i < acl->n &&
		(acl->entries[i].tag < entry.tag ||
			(acl->entries[i].tag == entry.tag && acl->entries[i].id < entry.id)))
		i++;
	memmove(&acl->entries[i + 1], &acl->entries[i], (acl->n - i) * sizeof(*acl->entries));
	acl->entries[i] = entry;
	acl->n++;
	return 0;
}

static struct acl_entry *find(struct acl *acl, uint16_t tag, uint32_t id)
{
	for (size_t i = 0; i < acl->n; i++)
		if (acl->entries[i].tag == tag && acl->entries[i].id == id)
			return &acl->entries[i];
	return NULL;
}

static bool has_named(const struct acl *acl)
{
	for (size_t i = 0; i < acl->n; i++)
		if (acl->entries[i].tag == TAG_USER || acl->entries[i].tag == TAG_GROUP)
			return true;
	return false;
}

/* Named entries need a mask; without any it is dropped and the group's own bits count again. */
static int fit_mask(struct acl *acl, uint16_t needed)
{
	struct acl_entry *mask = NULL, *group = find(acl, TAG_GROUP_OBJ, NO_ID);

	for (size_t i = 0; i < acl->n; i++)
		if (acl->entries[i].tag == TAG_MASK)
			mask = &acl->entries[i];
	if (!has_named(acl)) {
		if (mask)
			remove_at(acl, (size_t)(mask - acl->entries));
		return 0;
	}
	if (mask) {
		mask->permissions |= needed;
		return 0;
	}
	if (group)
		needed |= group->permissions;
	return insert(acl, (struct acl_entry){ TAG_MASK, needed, NO_ID });
}

int acl_set_user(struct acl *acl, uid_t uid, int permissions, int *ret_before)
{
	struct acl_entry *entry = find(acl, TAG_USER, uid);
	int before = entry ? entry->permissions : ACL_ABSENT;
	int r = 0;

	if (permissions == ACL_ABSENT) {
		if (entry)
			remove_at(acl, (size_t)(entry - acl->entries));
		permissions = 0;
	} else if (entry) {
		entry->permissions = (uint16_t)permissions;
	} else {
		r = insert(acl, (struct acl_entry){ TAG_USER, (uint16_t)permissions, uid });
	}
	if (r >= 0)
		r = fit_mask(acl, (uint16_t)permissions);
	if (r >= 0)
		*ret_before = before;
	return r;
}

int acl_file_set_user(const char *path, uid_t uid, int permissions, int *ret_before)
{
	uint8_t data[ACL_BYTES_MAX];
	struct acl acl;
	struct stat st;
	int before, r = 0;
	ssize_t n = getxattr(path, ATTRIBUTE, data, sizeof(data));

	if (n >= 0) {
		r = acl_decode(&acl, data, (size_t)n);
	} else if (errno == ENODATA) {
		if (stat(path, &st) < 0)
			return -errno;
		acl_from_mode(&acl, st.st_mode);
	} else {
		return errno == ERANGE ? -E2BIG : -errno;
	}
	if (r >= 0)
		r = acl_set_user(&acl, uid, permissions, &before);
	if (r < 0)
		return r;
	if (setxattr(path, ATTRIBUTE, data, acl_encode(&acl, data), 0) < 0)
		return -errno;
	*ret_before = before;
	return 0;
}
