// SPDX-License-Identifier: Apache-2.0
/* Addresses of PCI functions as sysfs, libvirt and the vendors' tools write them. */
#ifndef CEEMS_HOST_PCI_ADDRESS_H
#define CEEMS_HOST_PCI_ADDRESS_H

#include <stdbool.h>
#include <stdint.h>

#include "basic/str.h"

struct pci_address {
	uint32_t domain, bus, slot, function;
};

/*
 * "[domain:]bus:slot.function" in hexadecimal digits of any case and number, each part with or
 * without 0x. Without a domain it is 0. 0 or -EBADMSG.
 */
int pci_address_parse(struct slice text, struct pci_address *ret_address);

bool pci_address_eq(const struct pci_address *a, const struct pci_address *b);
/* The same device, whatever the function. */
bool pci_address_same_slot(const struct pci_address *a, const struct pci_address *b);

#endif
