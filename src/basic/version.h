// SPDX-License-Identifier: Apache-2.0
/* What this build is: for --version, the start-up log record and the build_info metric. */
#ifndef CEEMS_BASIC_VERSION_H
#define CEEMS_BASIC_VERSION_H

struct version {
	const char *version; /* "0.10.2" */
	const char *branch; /* "unknown" when built outside a git checkout, like the next two */
	const char *revision;
	const char *date; /* of the commit, so that builds are reproducible: YYYYMMDD-HH:MM:SS */
	const char *user; /* not recorded, for the same reason */
	const char *compiler; /* "gcc-12.2.0" */
	const char *os; /* "linux" */
	const char *arch; /* in Go's words, as dashboards know them: "amd64", "arm64" */
	const char *tags;
};

const struct version *version_info(void);

#endif
