// SPDX-License-Identifier: Apache-2.0
#include "host/pci_address.h"

#include <errno.h>

enum { PART_DIGITS_MAX = 8 };

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool parse_part(struct slice part, uint32_t *ret_value)
{
	uint32_t value = 0;

	if (part.n > 2 && part.p[0] == '0' && (part.p[1] == 'x' || part.p[1] == 'X')) {
		part.p += 2;
		part.n -= 2;
	}
	if (!part.n || part.n > PART_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < part.n; i++) {
		if (digit(part.p[i]) < 0)
			return false;
		value = value << 4 | (uint32_t)digit(part.p[i]);
	}
	*ret_value = value;
	return true;
}

int pci_address_parse(struct slice text, struct pci_address *ret_address)
{
	const char *dot = text.n ? memrchr(text.p, '.', text.n) : NULL;
	struct slice rest, parts[3], function;
	struct pci_address a = { 0 };
	size_t n = 0;

	if (!dot)
		return -EBADMSG;
	function = (struct slice){ dot + 1, text.n - (size_t)(dot + 1 - text.p) };
	rest = (struct slice){ text.p, (size_t)(dot - text.p) };
	while (n < 3 && slice_next(&rest, ':', &parts[n]))
		n++;
	if (rest.p || n < 2 || !parse_part(function, &a.function) ||
		!parse_part(parts[n - 1], &a.slot) || !parse_part(parts[n - 2], &a.bus) ||
		(n == 3 && !parse_part(parts[0], &a.domain)))
		return -EBADMSG;
	*ret_address = a;
	return 0;
}

bool pci_address_same_slot(const struct pci_address *a, const struct pci_address *b)
{
	return a->domain == b->domain && a->bus == b->bus && a->slot == b->slot;
}

bool pci_address_eq(const struct pci_address *a, const struct pci_address *b)
{
	return pci_address_same_slot(a, b) && a->function == b->function;
}
