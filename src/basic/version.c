// SPDX-License-Identifier: Apache-2.0
#include "basic/version.h"

#include "config.h"
#include "vcs_branch.h"
#include "vcs_date.h"
#include "vcs_revision.h"

const struct version *version_info(void)
{
	static const struct version version = {
		.version = CEEMS_VERSION,
		.branch = CEEMS_BRANCH,
		.revision = CEEMS_REVISION,
		.date = CEEMS_DATE,
		.user = "unknown",
		.compiler = CEEMS_COMPILER,
		.os = CEEMS_OS,
		.arch = CEEMS_ARCH,
		.tags = "unknown",
	};

	return &version;
}
