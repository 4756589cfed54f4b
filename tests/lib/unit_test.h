// SPDX-License-Identifier: Apache-2.0
/* What every unit test includes: cmocka with the headers that it needs, in the order that it needs.
 */
#ifndef CEEMS_TESTS_UNIT_TEST_H
#define CEEMS_TESTS_UNIT_TEST_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

/* A row of the test list: the function's name is the sentence that is printed. */
#define TEST(name) cmocka_unit_test(name)

#endif
