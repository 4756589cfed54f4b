// SPDX-License-Identifier: Apache-2.0
/*
 * What libvirt's definition of a domain says of its identity and of the host's devices that it was
 * given (https://libvirt.org/formatdomain.html): both of a definition, whose root is <domain>, and
 * of a running domain's state, where <domain> stands in <domstatus>. Pure.
 */
#ifndef CEEMS_HOST_DOMAIN_XML_H
#define CEEMS_HOST_DOMAIN_XML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/err.h"
#include "basic/str.h"

enum {
	DOMAIN_XML_MAX_BYTES = 8 << 20,
	DOMAIN_NAME_MAX = 256, /* NUL included */
	DOMAIN_HOSTDEVS_MAX = 256,
	DOMAIN_HOSTDEV_MAX = 64,
};

enum domain_hostdev_kind {
	DOMAIN_HOSTDEV_PCI, /* "domain:bus:slot.function", hexadecimal digits without 0x */
	DOMAIN_HOSTDEV_MDEV, /* the UUID of a mediated device */
};

struct domain_hostdev {
	enum domain_hostdev_kind kind;
	char text[DOMAIN_HOSTDEV_MAX];
};

struct domain {
	char name[DOMAIN_NAME_MAX]; /* "" = not told, or longer than any name may be */
	char uuid[DOMAIN_NAME_MAX]; /* the same */
	bool has_id;
	uint64_t id; /* of a domain that runs */
	struct domain_hostdev hostdevs[DOMAIN_HOSTDEVS_MAX];
	size_t n_hostdevs;
};

/*
 * 0; -EBADMSG: no XML, an entity is declared, or no <domain> where it should be; -E2BIG: over a
 * limit; -ENOMEM. A device whose address has another form is left out.
 */
int domain_xml_parse(struct slice text, struct domain *ret_domain, struct err *err);

#endif
