// SPDX-License-Identifier: Apache-2.0
#include "host/domain_xml.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>

#include "basic/macros.h"
#include "format/xml.h"

enum { PCI_PART_MAX_DIGITS = 8 };

struct parse {
	struct domain *domain;
	bool found; /* a <domain> in its place */
	bool is_wanted; /* the current hostdev is of a kind that we know */
	enum domain_hostdev_kind kind; /* of it */
};

/* The path inside <domain>: "" for itself; NULL outside. */
static const char *inside(const char *path)
{
	static const char *const roots[] = { "domain", "domstatus/domain" };

	for (size_t i = 0; i < ARRAY_SIZE(roots); i++) {
		size_t n = strlen(roots[i]);

		if (strncmp(path, roots[i], n) != 0)
			continue;
		if (path[n] == '/')
			return path + n + 1;
		if (path[n] == '\0')
			return path + n;
	}
	return NULL;
}

/* Without the 0x; "" if it isn't there. NULL: no hexadecimal number. */
static const char *hexadecimal(const struct xml_attributes *attributes, const char *name)
{
	const char *text = xml_attribute(attributes, name);

	if (!text)
		return "";
	if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
		text += 2;
	if (!*text || strlen(text) > PCI_PART_MAX_DIGITS)
		return NULL;
	for (const char *p = text; *p; p++) {
		if (!isxdigit((unsigned char)*p))
			return NULL;
	}
	return text;
}

static bool pci_address(const struct xml_attributes *attributes, char text[DOMAIN_HOSTDEV_MAX])
{
	const char *domain = hexadecimal(attributes, "domain"),
		   *bus = hexadecimal(attributes, "bus"), *slot = hexadecimal(attributes, "slot"),
		   *function = hexadecimal(attributes, "function");

	if (!domain || !bus || !*bus || !slot || !*slot || !function)
		return false;
	snprintf(text, DOMAIN_HOSTDEV_MAX, "%s:%s:%s.%s", *domain ? domain : "0000", bus, slot,
		*function ? function : "0");
	return true;
}

static bool mdev_uuid(const struct xml_attributes *attributes, char text[DOMAIN_HOSTDEV_MAX])
{
	const char *uuid = xml_attribute(attributes, "uuid");

	if (!uuid || !*uuid || strlen(uuid) >= DOMAIN_HOSTDEV_MAX)
		return false;
	strcpy(text, uuid);
	return true;
}

static void hostdev_begins(struct parse *p, const struct xml_attributes *attributes)
{
	const char *type = xml_attribute(attributes, "type");

	p->is_wanted = type && (str_eq(type, "pci") || str_eq(type, "mdev"));
	if (p->is_wanted)
		p->kind = str_eq(type, "pci") ? DOMAIN_HOSTDEV_PCI : DOMAIN_HOSTDEV_MDEV;
}

static int add_hostdev(struct parse *p, const struct xml_attributes *attributes)
{
	struct domain_hostdev device = { .kind = p->kind };

	if (!(p->kind == DOMAIN_HOSTDEV_PCI ? pci_address : mdev_uuid)(attributes, device.text))
		return 0;
	if (p->domain->n_hostdevs == DOMAIN_HOSTDEVS_MAX)
		return -E2BIG;
	p->domain->hostdevs[p->domain->n_hostdevs++] = device;
	return 0;
}

static int start(void *ctx, const char *path, const struct xml_attributes *attributes)
{
	struct parse *p = ctx;
	const char *in = inside(path), *id;

	if (!in)
		return 0;
	if (!*in) {
		p->found = true;
		id = xml_attribute(attributes, "id");
		p->domain->has_id = id && slice_to_u64(slice_from(id), &p->domain->id) >= 0;
	} else if (str_eq(in, "devices/hostdev")) {
		hostdev_begins(p, attributes);
	} else if (p->is_wanted && str_eq(in, "devices/hostdev/source/address")) {
		return add_hostdev(p, attributes);
	}
	return 0;
}

/* The first that is there counts. */
static void take(char ret_text[DOMAIN_NAME_MAX], struct slice text)
{
	if (ret_text[0] || text.n >= DOMAIN_NAME_MAX)
		return;
	memcpy(ret_text, text.p, text.n);
	ret_text[text.n] = '\0';
}

static int end(void *ctx, const char *path, struct slice text)
{
	struct parse *p = ctx;
	const char *in = inside(path);

	if (in && str_eq(in, "name"))
		take(p->domain->name, text);
	if (in && str_eq(in, "uuid"))
		take(p->domain->uuid, text);
	return 0;
}

int domain_xml_parse(struct slice text, struct domain *ret_domain, struct err *err)
{
	struct parse p = { .domain = ret_domain };
	const struct xml_visitor visitor = { start, end, &p };
	int r;

	if (text.n > DOMAIN_XML_MAX_BYTES)
		return err_set(err, -E2BIG, "more than %d bytes", DOMAIN_XML_MAX_BYTES);
	*ret_domain = (struct domain){ 0 };
	r = xml_walk(text, &visitor, err);
	if (r < 0)
		return r;
	return p.found ? 0 : err_set(err, -EBADMSG, "no <domain>");
}
