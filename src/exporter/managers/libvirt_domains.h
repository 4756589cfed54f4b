// SPDX-License-Identifier: Apache-2.0
/*
 * The definitions of libvirt's domains, NAME.xml in a folder of libvirt: which of them belongs to a
 * control group, and what it says of the domain's uuid and devices (spec exporter-units.md 4.2).
 * Read again when a folder has changed, and at least every LIBVIRT_REFRESH_S. Used under the lock
 * of the unit table that asks.
 */
#ifndef CEEMS_EXPORTER_MANAGERS_LIBVIRT_DOMAINS_H
#define CEEMS_EXPORTER_MANAGERS_LIBVIRT_DOMAINS_H

#include "basic/clock.h"
#include "exporter/units/unit_manager.h"

enum {
	LIBVIRT_REFRESH_S = 15 * 60,
	LIBVIRT_FOLDERS_MAX = 2,
};

struct libvirt_domains;

/* The folders, the first first; the pointers outlive the object. -ENOMEM. */
int libvirt_domains_new(const char *const *folders, size_t n, const struct clock *clock,
	struct libvirt_domains **ret_domains);
void libvirt_domains_free(struct libvirt_domains *domains);

/* Of struct unit_manager; ctx is a struct libvirt_domains. */
int libvirt_domains_identify(
	void *ctx, const struct unit_facts *facts, struct unit_identity *ret_identity);
uint64_t libvirt_domains_generation(void *ctx);

#endif
