// SPDX-License-Identifier: Apache-2.0
/*
 * How libvirt lays out the control groups of its QEMU domains, and what their names say. With
 * systemd a domain is machine.slice/machine-qemu\x2dID\x2dNAME.scope, else
 * machine/qemu-ID-NAME.libvirt-qemu; ID counts the domains that the daemon started, NAME is the
 * domain's name in the alphabet of host names. Partitions may stand in between.
 */
#ifndef CEEMS_EXPORTER_MANAGERS_LIBVIRT_UNITS_H
#define CEEMS_EXPORTER_MANAGERS_LIBVIRT_UNITS_H

#include "basic/str.h"
#include "exporter/units/unit_manager.h"

/* Its manager_ctx is a struct libvirt_domains. */
extern const struct unit_manager libvirt_unit_manager;

/* What a directory's name says; slices of the name that was handed in. */
struct libvirt_machine {
	struct slice id; /* digits */
	struct slice name; /* NAME, never empty */
	/*
	 * The part of NAME that OpenStack's default template makes, "instance-HEX", where NAME
	 * begins with it; else empty. This is the unit's id then, as in CEEMS 0.10.2.
	 */
	struct slice instance;
};

/* Of a name without systemd's escapes. False: no domain of QEMU. */
bool libvirt_machine_parse(struct slice name, struct libvirt_machine *ret_machine);

/*
 * Whether libvirt makes NAME out of a domain's name: it drops what isn't a letter, digit, '.' or
 * '-', takes a run of '.' and '-' as its first, none at either end, and stops when "qemu-ID-NAME"
 * has 64 bytes.
 */
bool libvirt_machine_is_of(const struct libvirt_machine *machine, struct slice domain_name);

#endif
