// SPDX-License-Identifier: Apache-2.0
/*
 * Slurm's gres.conf (https://slurm.schedmd.com/gres.conf.html), as far as shared GPUs go: which
 * devices are shared by "shard" and "mps", and into how many parts. Pure but for the callback.
 */
#ifndef CEEMS_REMOTE_GRES_CONF_H
#define CEEMS_REMOTE_GRES_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "basic/buffer.h"
#include "basic/str.h"

enum {
	GRES_CONF_MAX_BYTES = 1 << 20, /* of one file */
	GRES_CONF_DEPTH_MAX = 8, /* of files that include files */
	GRES_CONF_FILES_MAX = 64,
	GRES_CONF_SHARES_MAX = 4096,
	GRES_CONF_NAMES_MAX_BYTES = 8 << 20, /* of all NodeName lists, written out */
};

enum gres_device_kind {
	GRES_ALL, /* no file is named: every device */
	GRES_MINOR, /* /dev/nvidiaN */
	GRES_CAP, /* /dev/nvidia-caps/nvidia-capN */
};

/* A device that is shared. */
struct gres_share {
	enum gres_device_kind kind;
	uint64_t number;
	uint64_t count; /* parts, as the row tells them */
	/* Slurm splits those of a row evenly over its n devices: slurmd -G tells. 0 for GRES_ALL.
	 */
	uint64_t nth, n;
};

/* The parts that the nth of n devices gets of a count: the last ones get what is left. */
uint64_t gres_even_part(uint64_t count, uint64_t nth, uint64_t n);

struct gres_conf { /* zero-initialised is empty */
	bool sharing; /* a row of shard or mps is for this node */
	struct gres_share *shares;
	size_t n_shares;
};
void gres_conf_done(struct gres_conf *conf);

/*
 * Appends the file at path, or what is included by it, to text. -errno: there is none, which leaves
 * it out.
 */
typedef int (*gres_conf_read_fn)(void *ctx, struct slice path, struct buffer *text);

/*
 * Rows with a NodeName are for that node only; hostname also without its domain. read() gets the
 * paths of Include as they are written. 0, -ENOMEM, -E2BIG (what is over a limit is left out).
 */
int gres_conf_parse(struct slice text, const char *hostname, gres_conf_read_fn read, void *ctx,
	struct gres_conf *ret_conf);

/* A row of /proc/driver/nvidia-caps/mig-minors: "gpu0/gi3/ci1/access 32". */
struct mig_minor {
	uint64_t gpu, gpu_instance, compute_instance;
};
/* The device behind a capability; -ENODATA: it is none of a compute instance. */
int mig_minors_find(struct slice text, uint64_t minor, struct mig_minor *ret_minor);

#endif
