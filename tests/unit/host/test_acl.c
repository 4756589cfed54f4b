// SPDX-License-Identifier: Apache-2.0
#include "host/acl.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "unit_test.h"

static size_t bytes(const struct acl *acl, uint8_t data[static ACL_BYTES_MAX])
{
	return acl_encode(acl, data);
}

static void an_entry_comes_and_goes_without_a_trace(void **state)
{
	uint8_t before_data[ACL_BYTES_MAX], data[ACL_BYTES_MAX];
	struct acl acl;
	size_t n;
	int before;

	acl_from_mode(&acl, 0640);
	n = bytes(&acl, before_data);
	assert_int_equal(acl_set_user(&acl, 65534, ACL_READ, &before), 0);
	assert_int_equal(before, ACL_ABSENT);
	assert_int_equal(acl.n, 5); /* owner, user, group, mask, other */
	assert_int_equal(acl.entries[1].id, 65534);
	assert_int_equal(acl.entries[3].permissions, ACL_READ);
	assert_int_equal(acl_set_user(&acl, 65534, ACL_ABSENT, &before), 0);
	assert_int_equal(before, ACL_READ);
	assert_int_equal(bytes(&acl, data), n);
	assert_memory_equal(data, before_data, n);
}

static void entries_of_others_stay_and_the_mask_with_them(void **state)
{
	struct acl acl;
	int before;

	acl_from_mode(&acl, 0600);
	assert_int_equal(acl_set_user(&acl, 500, ACL_READ, &before), 0);
	assert_int_equal(acl_set_user(&acl, 1000, ACL_READ | ACL_WRITE, &before), 0);
	assert_int_equal(acl.entries[1].id, 500);
	assert_int_equal(acl.entries[2].id, 1000);
	assert_int_equal(acl_set_user(&acl, 500, ACL_ABSENT, &before), 0);
	assert_int_equal(acl.n, 5);
	assert_int_equal(acl.entries[1].id, 1000);
	assert_int_equal(acl.entries[3].permissions, ACL_READ | ACL_WRITE);
}

static void garbled_lists_are_refused(void **state)
{
	static const uint8_t good[] = { 2, 0, 0, 0, 1, 0, 6, 0, 255, 255, 255, 255 };
	static uint8_t huge[ACL_BYTES_MAX + 8] = { 2 };
	struct acl acl;

	assert_int_equal(acl_decode(&acl, good, sizeof(good)), 0);
	assert_int_equal(acl.n, 1);
	assert_int_equal(acl_decode(&acl, good, 0), -EBADMSG);
	assert_int_equal(acl_decode(&acl, good, sizeof(good) - 1), -EBADMSG);
	assert_int_equal(acl_decode(&acl, "\1\0\0", 4), -EBADMSG);
	assert_int_equal(acl_decode(&acl, huge, sizeof(huge)), -E2BIG);
}

static void a_full_list_is_refused(void **state)
{
	struct acl acl;
	int before, r = 0;

	acl_from_mode(&acl, 0600);
	for (uid_t uid = 1; r == 0; uid++)
		r = acl_set_user(&acl, uid, ACL_READ, &before);
	assert_int_equal(r, -E2BIG);
}

static void a_file_gets_its_mode_back(void **state)
{
	char path[] = "/var/tmp/ceems-acl.XXXXXX";
	int fd = mkstemp(path), before, r;
	struct stat st;

	assert_true(fd >= 0);
	fchmod(fd, 0640);
	r = acl_file_set_user(path, 65534, ACL_READ | ACL_WRITE, &before);
	if (r == -ENOTSUP) {
		unlink(path);
		skip();
	}
	assert_int_equal(r, 0);
	assert_int_equal(before, ACL_ABSENT);
	fstat(fd, &st);
	assert_int_equal(st.st_mode & 0777, 0660); /* the group bits show the mask */
	assert_int_equal(acl_file_set_user(path, 65534, ACL_ABSENT, &before), 0);
	assert_int_equal(before, ACL_READ | ACL_WRITE);
	fstat(fd, &st);
	assert_int_equal(st.st_mode & 0777, 0640);
	close(fd);
	unlink(path);
	assert_int_equal(acl_file_set_user(path, 65534, ACL_READ, &before), -ENOENT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(an_entry_comes_and_goes_without_a_trace),
		TEST(entries_of_others_stay_and_the_mask_with_them),
		TEST(garbled_lists_are_refused),
		TEST(a_full_list_is_refused),
		TEST(a_file_gets_its_mode_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
