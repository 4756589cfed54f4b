// SPDX-License-Identifier: Apache-2.0
#include "exporter/follow_roots.h"

void follow_roots(const struct host_root *host, const struct log *log)
{
	const unsigned changed = host_root_follow(host);

	for (int kind = 0; changed >> kind; kind++) {
		const char *path = host_root_path(host, kind);
		int error = host_root_error(host, kind);

		if (!(changed & 1U << kind))
			continue;
		if (error < 0)
			log_warn(log,
				"a directory is gone: there is nothing to read until it is back",
				LOG_STR("path", path), LOG_STR("err", err_name(error)));
		else
			log_info(log, "a directory is there anew", LOG_STR("path", path));
	}
}
