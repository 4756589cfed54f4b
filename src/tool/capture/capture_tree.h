// SPDX-License-Identifier: Apache-2.0
/*
 * What the exporter would read of a machine at one moment: files, folders and links by their path
 * in the archive ("proc/stat"), anonymised, sorted, each once.
 */
#ifndef CEEMS_TOOL_CAPTURE_CAPTURE_TREE_H
#define CEEMS_TOOL_CAPTURE_CAPTURE_TREE_H

#include <stdbool.h>

#include "basic/arena.h"
#include "format/tar.h"
#include "tool/capture/anonymise.h"

enum {
	CAPTURE_FILE_MAX_BYTES = 4 << 20,
	CAPTURE_ITEMS_MAX = 200000,
	CAPTURE_FAILURES_MAX = 500,
	CAPTURE_PIDS_MAX = 50000,
};

struct capture_item {
	enum tar_type type;
	const char *path, *target; /* target: of a link, else "" */
	struct slice data;
};

struct capture_failure {
	const char *path;
	int error; /* -errno; -E2BIG: too big */
};

/* Zero it, set limit_bytes and anonymiser, then add. */
struct capture_tree {
	struct arena arena;
	size_t limit_bytes; /* of all data together */
	const struct anonymiser *anonymiser;
	struct capture_item *v;
	size_t n, cap, bytes;
	bool cut; /* a limit left something out */
	struct capture_failure *failures;
	size_t n_failures;
};

void capture_tree_init(
	struct capture_tree *tree, size_t limit_bytes, const struct anonymiser *anonymiser);
void capture_tree_done(struct capture_tree *tree);

/* Adds as it is, path included. Over a limit: sets cut. -ENOMEM. */
int capture_tree_add(struct capture_tree *tree, enum tar_type type, const char *path,
	const char *target, struct slice data);

/* All that the tables of capture_walk.c name; what can't be read is a failure. -ENOMEM. */
int capture_tree_read(
	struct capture_tree *tree, const char *procfs, const char *sysfs, const char *cgroupfs);

void capture_tree_sort(struct capture_tree *tree);

/*
 * Of two sorted trees: what changed is appended to the archive below folder, the names of what is
 * gone as FOLDER.gone, each with a NUL behind it. Returns whether there was any, or -ENOMEM.
 */
int capture_tree_diff(const struct capture_tree *before, const struct capture_tree *after,
	const char *folder, struct buffer *archive);

/* For the walk: remembers that a path could not be read. */
void capture_tree_failed(struct capture_tree *tree, const char *path, int error);

#endif
