// SPDX-License-Identifier: Apache-2.0
#include "host/domain_xml.h"

#include <errno.h>
#include <stdio.h>

#include "basic/buffer.h"
#include "unit_test.h"

static struct domain domain;
static struct err err;

static int parse(const char *text)
{
	return domain_xml_parse(slice_from(text), &domain, &err);
}

#define PCI(attributes)                                                                   \
	"<hostdev mode='subsystem' type='pci'><source><address " attributes "/></source>" \
	"<address type='pci' domain='0x9' bus='0x9' slot='0x9' function='0x9'/></hostdev>"
#define MDEV(attributes)                                                                      \
	"<hostdev mode='subsystem' type='mdev' model='vfio-pci'><source><address " attributes \
	"/></source></hostdev>"

static void a_definition_tells_name_uuid_and_devices(void **state)
{
	assert_int_equal(
		parse("<domain type='kvm'><name>instance-0000000a</name>\n"
		      "<uuid> 4d41a7d3-0c1e-4f8a-9f1f-6a0f4a3b2c1d\n</uuid>"
		      "<metadata><uuid>no</uuid><name>no</name></metadata><devices>" PCI(
			      "domain='0x0000' bus='0x10' slot='0x00' function='0x1'")
				MDEV("uuid='c6f6d1b0'") "<interface type='hostdev'><source><address type='pci' "
							"bus='0x1' slot='0x2'/></source></interface></devices></domain>"),
		0);
	assert_string_equal(domain.name, "instance-0000000a");
	assert_string_equal(domain.uuid, "4d41a7d3-0c1e-4f8a-9f1f-6a0f4a3b2c1d");
	assert_false(domain.has_id);
	assert_int_equal(domain.n_hostdevs, 2);
	assert_int_equal(domain.hostdevs[0].kind, DOMAIN_HOSTDEV_PCI);
	assert_string_equal(domain.hostdevs[0].text, "0000:10:00.1");
	assert_int_equal(domain.hostdevs[1].kind, DOMAIN_HOSTDEV_MDEV);
	assert_string_equal(domain.hostdevs[1].text, "c6f6d1b0");
}

static void the_state_of_a_running_domain_has_its_id(void **state)
{
	assert_int_equal(
		parse("<!-- WARNING -->\n<domstatus state='running' pid='1'><uuid>no</uuid>"
		      "<devices><hostdev type='mdev'><source><address uuid='no'/></source>"
		      "</hostdev></devices>"
		      "<domain type='qemu' id='3'><name>web</name><uuid>u</uuid>"
		      "<devices>" MDEV("uuid='m'") "</devices></domain></domstatus>"),
		0);
	assert_string_equal(domain.name, "web");
	assert_string_equal(domain.uuid, "u");
	assert_true(domain.has_id);
	assert_int_equal(domain.id, 3);
	assert_int_equal(domain.n_hostdevs, 1);
	assert_string_equal(domain.hostdevs[0].text, "m");
}

static void addresses_of_another_form_are_left_out(void **state)
{
	assert_int_equal(
		parse("<domain><devices>" PCI("slot='1'") PCI("bus='1'") PCI("bus='' slot='1'") PCI(
			"bus='x' slot='1'") PCI("bus='1' slot='0x'")
				PCI("bus='1' slot='1' function='g'") PCI("bus='123456789' slot='1'") PCI(
					"domain='-1' bus='1' slot='1'") MDEV("uuid=''")
					MDEV("bus='1'") "<hostdev type='usb'><source><address bus='1' slot='2' uuid='u'/></source>"
							"</hostdev><hostdev><source><address bus='1' slot='2'/></source></hostdev>" PCI(
								"bus='0X1F' slot='2'") "</devices></domain>"),
		0);
	assert_int_equal(domain.n_hostdevs, 1);
	assert_string_equal(domain.hostdevs[0].text, "0000:1F:2.0");
}

static void what_is_missing_or_too_long_is_empty(void **state)
{
	struct buffer text = { 0 };

	assert_int_equal(parse("<domain id='-1'/>"), 0);
	assert_string_equal(domain.name, "");
	assert_string_equal(domain.uuid, "");
	assert_false(domain.has_id);
	buffer_puts(&text, "<domain><uuid>");
	for (int i = 0; i < DOMAIN_NAME_MAX; i++)
		buffer_putc(&text, 'u');
	buffer_puts(&text, "</uuid><name></name><name>n</name></domain>");
	assert_int_equal(parse(buffer_text(&text)), 0);
	assert_string_equal(domain.uuid, "");
	assert_string_equal(domain.name, "n");
	buffer_done(&text);
}

static void other_documents_are_refused(void **state)
{
	static const char *const bad[] = { "", "<domain>", "<network><uuid>u</uuid></network>",
		"<a><domain><uuid>u</uuid></domain></a>", "<domainx/>", "<domstatus/>",
		"binary\x01",
		"<!DOCTYPE domain [<!ENTITY a 'b'>]><domain><uuid>&a;</uuid></domain>" };

	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		err.text[0] = '\0';
		assert_int_equal(parse(bad[i]), -EBADMSG);
		assert_true(err.text[0] != '\0');
	}
}

static void devices_and_bytes_have_limits(void **state)
{
	struct buffer text = { 0 };

	buffer_puts(&text, "<domain><devices>");
	for (int i = 0; i <= DOMAIN_HOSTDEVS_MAX; i++)
		buffer_puts(&text, MDEV("uuid='m'"));
	buffer_puts(&text, "</devices></domain>");
	assert_int_equal(parse(buffer_text(&text)), -E2BIG);
	buffer_done(&text);
	assert_int_equal(domain_xml_parse((struct slice){ "", (size_t)DOMAIN_XML_MAX_BYTES + 1 },
				 &domain, &err),
		-E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_definition_tells_name_uuid_and_devices),
		TEST(the_state_of_a_running_domain_has_its_id),
		TEST(addresses_of_another_form_are_left_out),
		TEST(what_is_missing_or_too_long_is_empty),
		TEST(other_documents_are_refused),
		TEST(devices_and_bytes_have_limits),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
