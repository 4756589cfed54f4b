// SPDX-License-Identifier: Apache-2.0
#include <assert.h>
#include <errno.h>

#include "host/domain_xml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct domain domain;
	struct err err = { 0 };
	int r = domain_xml_parse((struct slice){ (const char *)data, size }, &domain, &err);

	if (r < 0) {
		assert((r == -EBADMSG || r == -E2BIG) && err.text[0]);
		return 0;
	}
	assert(strnlen(domain.name, DOMAIN_NAME_MAX) < DOMAIN_NAME_MAX);
	assert(strnlen(domain.uuid, DOMAIN_NAME_MAX) < DOMAIN_NAME_MAX);
	assert(str_is_utf8(domain.uuid, strlen(domain.uuid)));
	assert(domain.n_hostdevs <= DOMAIN_HOSTDEVS_MAX);
	for (size_t i = 0; i < domain.n_hostdevs; i++)
		assert(domain.hostdevs[i].text[0] &&
			strnlen(domain.hostdevs[i].text, DOMAIN_HOSTDEV_MAX) < DOMAIN_HOSTDEV_MAX);
	return 0;
}
