// SPDX-License-Identifier: Apache-2.0
#include "exporter/managers/slurm_devices.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "basic/buffer.h"
#include "basic/file.h"
#include "basic/macros.h"

enum {
	ENVIRON_MAX_BYTES = 8 << 20,
	ORDINAL_DIGITS_MAX = 10,
	SHARES_LOOKED_FOR = 64, /* processes after the one that told the GPUs */
	WARN_AT_TRY = 4, /* a job that has just begun has no process of its user yet */
};

static bool cut_prefix(struct slice *s, const char *prefix)
{
	size_t n = strlen(prefix);

	if (s->n < n || memcmp(s->p, prefix, n) != 0)
		return false;
	s->p += n;
	s->n -= n;
	return true;
}

static bool is_ordinal(struct slice s)
{
	if (!s.n || s.n > ORDINAL_DIGITS_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	return true;
}

static bool is_uuid(struct slice s)
{
	return cut_prefix(&s, "GPU-") || cut_prefix(&s, "MIG-");
}

/* Whether any item of the list has the form. */
static bool any_item(struct slice list, bool (*is_item)(struct slice item))
{
	struct slice item;

	while (slice_next(&list, ',', &item)) {
		if (is_item(slice_trim(item)))
			return true;
	}
	return false;
}

static void take_list(
	struct slice value, bool (*is_item)(struct slice item), struct slice *ret_list)
{
	if (!ret_list->n && any_item(value, is_item))
		*ret_list = value;
}

int slurm_devices_of_environ(
	struct slice variables, const char *job, struct slurm_devices *ret_devices)
{
	struct slurm_devices d = { 0 };
	bool is_of_job = false;
	struct slice entry;

	while (slice_next(&variables, '\0', &entry)) {
		if (cut_prefix(&entry, "SLURM_JOB_ID="))
			is_of_job |= slice_eq(entry, job);
		else if (cut_prefix(&entry, "SLURM_JOB_GPUS="))
			take_list(entry, is_ordinal, &d.job_gpus);
		else if (cut_prefix(&entry, "SLURM_STEP_GPUS="))
			take_list(entry, is_ordinal, &d.step_gpus);
		else if (cut_prefix(&entry, "CUDA_VISIBLE_DEVICES="))
			take_list(entry, is_uuid, &d.visible);
		else if (!d.shares_known &&
			(cut_prefix(&entry, "SLURM_SHARDS_ON_NODE=") ||
				cut_prefix(&entry, "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=")))
			d.shares_known = slice_to_u64(entry, &d.shares) >= 0;
	}
	if (!is_of_job)
		return -ENODATA;
	*ret_devices = d;
	return 0;
}

/* Those that a limit leaves out are not charged. */
static void add_items(struct unit_identity *identity, struct slice list,
	bool (*is_item)(struct slice item), enum gpu_ref_kind kind)
{
	struct slice item;

	while (slice_next(&list, ',', &item)) {
		item = slice_trim(item);
		if (!is_item(item))
			continue;
		for (size_t i = 0;; i++) {
			if (i == identity->n_refs) {
				(void)unit_identity_add_gpu(identity, kind, item);
				break;
			}
			if (identity->refs[i].kind == kind &&
				slice_eq(item, identity->refs[i].text))
				break;
		}
	}
}

static void drop_devices(struct unit_identity *identity)
{
	identity->n_refs = 0;
	identity->text_len = 0;
}

static int read_environ(int procfs_fd, uint64_t pid, struct buffer *text)
{
	char path[64];

	snprintf(path, sizeof(path), "%" PRIu64 "/environ", pid);
	buffer_clear(text);
	return file_read(procfs_fd, path, ENVIRON_MAX_BYTES, text);
}

/* What was found over a job's processes. */
struct found {
	bool whole; /* a process told the GPUs of the whole job */
	struct unit_identity *identity;
};

static void take_process(struct found *f, const struct slurm_devices *d)
{
	if (d->job_gpus.n && !f->whole) {
		drop_devices(f->identity);
		add_items(f->identity, d->job_gpus, is_ordinal, GPU_REF_INDEX);
		f->whole = true;
	} else if (!f->whole && d->step_gpus.n) {
		/* Steps may have different GPUs of their job: it has all of them. */
		if (f->identity->n_refs && f->identity->refs[0].kind == GPU_REF_UUID)
			drop_devices(f->identity);
		add_items(f->identity, d->step_gpus, is_ordinal, GPU_REF_INDEX);
	} else if (!f->identity->n_refs || f->identity->refs[0].kind == GPU_REF_UUID) {
		add_items(f->identity, d->visible, is_uuid, GPU_REF_UUID);
	}
	if (d->shares_known && !f->identity->shares)
		f->identity->shares = d->shares;
}

int slurm_devices_find(const struct unit_facts *facts, const char *job, const uint64_t *pids,
	size_t n, struct unit_identity *identity)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	struct found f = { .identity = identity };
	size_t after = 0;

	for (size_t i = 0; i < n; i++) {
		struct slurm_devices d;

		if (read_environ(facts->procfs_fd, pids[i], &text) < 0 ||
			slurm_devices_of_environ(
				(struct slice){ buffer_text(&text), text.len }, job, &d) < 0)
			continue;
		take_process(&f, &d);
		/* Shares need not be told by the same process. */
		if (f.whole && (identity->shares || after++ == SHARES_LOOKED_FOR))
			break;
	}
	if (f.whole)
		return 0;
	++*facts->note;
	if (!identity->n_refs && SLURM_NOTE_GPU_TRIES(*facts->note) == WARN_AT_TRY)
		identity->problem = "no process tells which GPUs the job has";
	return -EAGAIN;
}
