// SPDX-License-Identifier: Apache-2.0
/*
 * A disk for SQLite that fails as disks do: a VFS over the usual one, which becomes the default.
 * Losing power: at the Nth write or sync everything ends; of what was written to a file since its
 * last sync, any part may be lost, down to sectors of a write, whatever their order.
 */
#ifndef CEEMS_TESTS_FAULTY_DISK_H
#define CEEMS_TESTS_FAULTY_DISK_H

#include <stdbool.h>
#include <stdint.h>

enum faulty_disk_mode {
	DISK_GOOD,
	DISK_LOSES_POWER, /* at the operation, and does nothing more from then on */
	DISK_KILLS, /* the process, by SIGKILL */
	DISK_FULL, /* no write succeeds */
	DISK_READ_ONLY,
	DISK_UNREADABLE, /* no read succeeds */
};

/* Registers it; once in a process. */
void faulty_disk_install(void);
/* From now on; n counts writes and syncs from 1, for the modes that have a moment. */
void faulty_disk_set(enum faulty_disk_mode mode, unsigned n);
/* Whether the moment has come. */
bool faulty_disk_failed(void);
/* After the power went and all files were closed: takes back what was not on the disk. */
void faulty_disk_lose(uint64_t seed);

#endif
