// SPDX-License-Identifier: Apache-2.0
/* The device layer against a driver that is played: a queue of messages and an eventfd. */
#include "host/ipmi.h"

#include <errno.h>
#include <linux/ipmi.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "alloc_fail.h"
#include "unit_test.h"

enum { QUEUE_MAX = 128 };

struct message {
	int type;
	long id;
	uint8_t netfn, cmd;
	uint8_t data[512];
	size_t n;
};

/* What the BMC does with a request. */
enum act { ANSWERS, IS_SILENT, REFUSES_TO_SEND, FAILS_TO_RECEIVE, FLOODS, INTERRUPTS };

struct driver {
	int fd;
	enum act act;
	struct message queue[QUEUE_MAX],
		before; /* before: comes ahead of the answer, if it has a type */
	size_t n, sent, events_wanted, interruptions;
	struct message answer;
	struct ipmi_system_interface_addr to;
	uint8_t request[16];
	size_t request_n;
	long id;
};

static struct driver d;
static struct err err;

static const uint8_t POWER[] = { 0, 0xdc, 0x38, 1, 0x9c, 0, 0x70, 2, 0x2a, 1, 0, 0, 0, 0x60, 0xe8,
	3, 0, 0, 0x40 };

/* The driver is readable as long as something is queued. */
static void put(const struct message *m)
{
	uint64_t one = 1;

	assert_true(d.n < QUEUE_MAX);
	d.queue[d.n++] = *m;
	assert_int_equal(write(d.fd, &one, sizeof(one)), sizeof(one));
}

static int take(struct ipmi_recv *recv)
{
	struct message m;
	uint64_t all;

	if (d.act == FAILS_TO_RECEIVE && d.sent)
		return -ENODEV;
	if (d.n == 0)
		return -EAGAIN;
	if (d.act == INTERRUPTS && d.interruptions++ < 3)
		return -EINTR;
	m = d.queue[0];
	memmove(d.queue, d.queue + 1, --d.n * sizeof(m));
	if (d.n == 0)
		assert_int_equal(read(d.fd, &all, sizeof(all)), sizeof(all));
	assert_true(recv->addr_len >= sizeof(struct ipmi_system_interface_addr));
	recv->recv_type = m.type;
	recv->msgid = m.id;
	recv->msg.netfn = m.netfn;
	recv->msg.cmd = m.cmd;
	memcpy(recv->msg.data, m.data, MIN(m.n, recv->msg.data_len));
	if (m.n > recv->msg.data_len)
		return -EMSGSIZE;
	recv->msg.data_len = (unsigned short)m.n;
	return 0;
}

static int play_request(const struct ipmi_req *req)
{
	struct message answer = d.answer;

	d.sent++;
	d.id = req->msgid;
	memcpy(&d.to, req->addr, MIN(req->addr_len, sizeof(d.to)));
	d.request_n = req->msg.data_len;
	memcpy(d.request, req->msg.data, MIN(d.request_n, sizeof(d.request)));
	if (d.act == REFUSES_TO_SEND)
		return -ENODEV;
	if (d.act == IS_SILENT)
		return 0;
	answer.id += req->msgid; /* d.answer.id is by how much it is wrong */
	if (d.before.type)
		put(&d.before);
	for (int i = 0; d.act == FLOODS && i < 100; i++)
		put(&(struct message){ .type = IPMI_ASYNC_EVENT_RECV_TYPE });
	put(&answer);
	return 0;
}

static int control(void *ctx, int fd, unsigned long request, void *arg)
{
	assert_ptr_equal(ctx, &d);
	assert_int_equal(fd, d.fd);
	if (request == IPMICTL_SEND_COMMAND)
		return play_request(arg);
	if (request == IPMICTL_RECEIVE_MSG_TRUNC)
		return take(arg);
	d.events_wanted++; /* nothing else should be asked of the driver */
	return -ENOTTY;
}

static struct ipmi *device(enum act act)
{
	struct ipmi *ipmi = NULL;

	d = (struct driver){ .fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), .act = act };
	d.answer = (struct message){
		.type = IPMI_RESPONSE_RECV_TYPE, .netfn = 0x2d, .cmd = 2, .n = sizeof(POWER)
	};
	memcpy(d.answer.data, POWER, sizeof(POWER));
	assert_int_equal(ipmi_open_driver(&(struct ipmi_driver){ d.fd, control, &d }, &ipmi), 0);
	return ipmi;
}

static void expect_watts(struct ipmi *ipmi, double watts)
{
	struct dcmi_power power = { .watts = { 0 } };

	assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), 0);
	assert_float_equal(power.watts[DCMI_CURRENT], watts, 0);
}

static void expect_failure(struct ipmi *ipmi, int r)
{
	struct dcmi_power power = { .watts = { -1 } };

	assert_int_equal(ipmi_read_power(ipmi, -1, &power, &err), r);
	assert_float_equal(power.watts[DCMI_CURRENT], -1, 0);
}

static void power_is_read_from_the_bmc_of_this_machine(void **state)
{
	static const uint8_t request[] = { 0xdc, 1, 0, 0 };
	struct ipmi *ipmi = device(ANSWERS);

	expect_watts(ipmi, 312);
	assert_int_equal(d.to.addr_type, 0x0c);
	assert_int_equal(d.to.channel, 0x0f);
	assert_int_equal(d.to.lun, 0);
	assert_int_equal(d.request_n, sizeof(request));
	assert_memory_equal(d.request, request, sizeof(request));
	assert_int_equal(d.events_wanted, 0);
	ipmi_close(ipmi);
}

static void each_request_has_an_id_of_its_own(void **state)
{
	struct ipmi *ipmi = device(ANSWERS);
	long before;

	expect_watts(ipmi, 312);
	before = d.id;
	expect_watts(ipmi, 312);
	assert_int_not_equal(d.id, before);
	ipmi_close(ipmi);
}

static void late_answer_is_not_taken_for_that_of_the_next_request(void **state)
{
	struct ipmi *ipmi = device(IS_SILENT);
	struct message late = d.answer;

	expect_failure(ipmi, -ETIMEDOUT);
	late.id = d.id;
	late.data[2] = 99;
	put(&late); /* before the next request */
	d.act = ANSWERS;
	expect_watts(ipmi, 312);

	d.before = late; /* between the next request and its answer */
	expect_watts(ipmi, 312);
	assert_int_equal(d.n, 0);
	ipmi_close(ipmi);
}

static void messages_of_other_kinds_are_passed_over(void **state)
{
	struct ipmi *ipmi = device(ANSWERS);

	d.before = d.answer;
	d.before.id = 1;
	d.before.type = IPMI_ASYNC_EVENT_RECV_TYPE;
	d.before.data[2] = 99;
	expect_watts(ipmi, 312);
	d.before.type = IPMI_CMD_RECV_TYPE;
	d.before.id = 2;
	expect_watts(ipmi, 312);
	ipmi_close(ipmi);
}

static void answer_with_a_wrong_id_function_or_command_is_not_taken(void **state)
{
	struct ipmi *ipmi = device(ANSWERS);

	d.answer.id = -1;
	expect_failure(ipmi, -ETIMEDOUT);
	d.answer.id = 0;
	d.answer.netfn = 0x0d;
	expect_failure(ipmi, -ETIMEDOUT);
	d.answer.netfn = 0x2d;
	d.answer.cmd = 1;
	expect_failure(ipmi, -ETIMEDOUT);
	d.answer.cmd = 2;
	expect_watts(ipmi, 312);
	ipmi_close(ipmi);
}

static void refusal_says_the_completion_code(void **state)
{
	struct ipmi *ipmi = device(ANSWERS);

	d.answer.data[0] = 0xc1;
	d.answer.n = 1;
	expect_failure(ipmi, -EIO);
	assert_string_equal(err.text,
		"reading the power: completion code 0xc1: the BMC doesn't know the command");
	ipmi_close(ipmi);
}

static void short_and_empty_answers_are_refused(void **state)
{
	struct ipmi *ipmi = device(ANSWERS);

	for (size_t n = 0; n < sizeof(POWER); n++) {
		d.answer.n = n;
		expect_failure(ipmi, -EBADMSG);
	}
	ipmi_close(ipmi);
}

static void answer_longer_than_the_buffer_is_cut(void **state)
{
	struct ipmi *ipmi = device(ANSWERS);

	d.answer.n = sizeof(d.answer.data);
	expect_watts(ipmi, 312);
	ipmi_close(ipmi);
}

static void measurement_that_is_off_is_no_data(void **state)
{
	struct ipmi *ipmi = device(ANSWERS);

	d.answer.data[18] = 0;
	expect_failure(ipmi, -ENODATA);
	ipmi_close(ipmi);
}

static void driver_that_fails_asks_for_a_new_device(void **state)
{
	struct ipmi *ipmi = device(REFUSES_TO_SEND);

	expect_failure(ipmi, -EBADF);
	ipmi_close(ipmi);
	ipmi = device(FAILS_TO_RECEIVE);
	put(&d.answer);
	expect_failure(ipmi, -EBADF);
	ipmi_close(ipmi);
}

static void flood_of_messages_is_given_up(void **state)
{
	struct ipmi *ipmi = device(FLOODS);

	expect_failure(ipmi, -EBADF);
	ipmi_close(ipmi);
}

static void interrupted_call_is_repeated(void **state)
{
	struct ipmi *ipmi = device(INTERRUPTS);

	expect_watts(ipmi, 312);
	assert_true(d.interruptions >= 3);
	ipmi_close(ipmi);
}

static void waiting_ends_when_it_is_cancelled(void **state)
{
	int cancel_fd = eventfd(1, EFD_CLOEXEC);
	struct ipmi *ipmi = device(IS_SILENT);
	struct dcmi_power power;

	assert_int_equal(ipmi_read_power(ipmi, cancel_fd, &power, &err), -ECANCELED);
	close(cancel_fd);
	ipmi_close(ipmi);
}

static void address_of_the_bmc_is_read(void **state)
{
	static const uint8_t lan[] = { 0, 0x11, 192, 0, 2, 120 }, request[] = { 1, 3, 0, 0 };
	struct ipmi *ipmi = device(ANSWERS);
	struct in_addr address;

	d.answer.netfn = 0x0d;
	d.answer.n = sizeof(lan);
	memcpy(d.answer.data, lan, sizeof(lan));
	assert_int_equal(ipmi_read_lan_address(ipmi, -1, &address, &err), 0);
	assert_int_equal(ntohl(address.s_addr), 0xc0000278);
	assert_memory_equal(d.request, request, sizeof(request));
	ipmi_close(ipmi);
}

static void number_without_a_device_is_an_error_with_its_name(void **state)
{
	char address[INET_ADDRSTRLEN];
	struct ipmi *ipmi;

	assert_int_equal(ipmi_open(-1, &ipmi, &err), -EINVAL);
	assert_int_equal(ipmi_open(IPMI_DEVICE_NUMBER_MAX + 1, &ipmi, &err), -EINVAL);
	assert_int_equal(ipmi_open(231, &ipmi, &err), -ENOENT);
	assert_non_null(strstr(err.text, "/dev/ipmidev/231"));
	assert_int_equal(ipmi_lan_ipv4(231, address, &err), -ENOENT);
}

static void memory_that_cannot_be_had_is_an_error(void **state)
{
	struct ipmi_driver driver = { eventfd(0, EFD_CLOEXEC), control, &d };
	struct ipmi *ipmi;

	alloc_fail_at(1);
	assert_int_equal(ipmi_open_driver(&driver, &ipmi), -ENOMEM);
	alloc_fail_at(0);
	assert_int_equal(write(driver.fd, &(uint64_t){ 1 }, 8), -1); /* closed */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(power_is_read_from_the_bmc_of_this_machine),
		TEST(each_request_has_an_id_of_its_own),
		TEST(late_answer_is_not_taken_for_that_of_the_next_request),
		TEST(messages_of_other_kinds_are_passed_over),
		TEST(answer_with_a_wrong_id_function_or_command_is_not_taken),
		TEST(refusal_says_the_completion_code),
		TEST(short_and_empty_answers_are_refused),
		TEST(answer_longer_than_the_buffer_is_cut),
		TEST(measurement_that_is_off_is_no_data),
		TEST(driver_that_fails_asks_for_a_new_device),
		TEST(flood_of_messages_is_given_up),
		TEST(interrupted_call_is_repeated),
		TEST(waiting_ends_when_it_is_cancelled),
		TEST(address_of_the_bmc_is_read),
		TEST(number_without_a_device_is_an_error_with_its_name),
		TEST(memory_that_cannot_be_had_is_an_error),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
