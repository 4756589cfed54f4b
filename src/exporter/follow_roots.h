// SPDX-License-Identifier: Apache-2.0
/* Before a scrape, and before a reading of the ledger: the roots of all reads as they are now. */
#ifndef CEEMS_EXPORTER_FOLLOW_ROOTS_H
#define CEEMS_EXPORTER_FOLLOW_ROOTS_H

#include "basic/log.h"
#include "host/root.h"

/* host_root_follow(), and a line in the log (which may be NULL) for each that changed. */
void follow_roots(const struct host_root *host, const struct log *log);

#endif
