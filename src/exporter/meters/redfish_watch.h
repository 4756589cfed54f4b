// SPDX-License-Identifier: Apache-2.0
/*
 * Keeps watch over a Redfish service: finds its chassis and reads their power, poll after poll.
 * Belongs to the poller's thread.
 */
#ifndef CEEMS_EXPORTER_METERS_REDFISH_WATCH_H
#define CEEMS_EXPORTER_METERS_REDFISH_WATCH_H

#include "basic/log.h"
#include "exporter/meters/redfish_readings.h"
#include "remote/redfish.h"

struct redfish_watch;

/* Pointers are borrowed and outlive the watch. -ENOMEM. */
int redfish_watch_new(struct redfish *client, struct redfish_readings *readings,
	const struct clock *clock, const struct log *log, struct redfish_watch **ret_watch,
	struct err *err);
void redfish_watch_free(struct redfish_watch *watch); /* NULL is fine */

/*
 * One poll, in the form that the poller wants: ctx is the watch. 0 when at least one chassis could
 * be read; those that couldn't are told to the log once.
 */
int redfish_watch_poll(void *ctx, int cancel_fd, struct err *err);

#endif
