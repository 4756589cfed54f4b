// SPDX-License-Identifier: Apache-2.0
#include "remote/sacct.h"

#include <ctype.h>

#include "basic/macros.h"

const char sacct_format[] = "jobidraw,partition,qos,account,group,gid,user,uid,submit,start,end,"
			    "elapsed,elapsedraw,exitcode,state,alloctres,nodelist,jobname,workdir";
const char sacct_format_wide[] =
	"jobidraw,partition,qos,account,group,gid,user,uid,submit%32,start%32,end%32,"
	"elapsed,elapsedraw,exitcode,state,alloctres,nodelist,jobname,workdir";
const char sacct_states[] = "CANCELLED,COMPLETED,FAILED,NODE_FAIL,PREEMPTED,TIMEOUT,RUNNING";
const char sacct_all_states[] =
	"CANCELLED,COMPLETED,FAILED,NODE_FAIL,PREEMPTED,TIMEOUT,RUNNING,"
	"BOOT_FAIL,DEADLINE,OUT_OF_MEMORY,REQUEUED,RESIZING,REVOKED,SUSPENDED";

enum { MS = 1000 };

void sacct_records_init(struct sacct_records *records, struct slice output, const char *separator)
{
	bool known = output.n && memmem(output.p, output.n, separator, strlen(separator));

	*records = (struct sacct_records){
		.rest = output,
		.separator = known ? separator : "|",
	};
}

/* Cuts up to the separator; false (and nothing cut) if it doesn't occur. */
static bool cut(struct slice *rest, const char *separator, struct slice *ret_field)
{
	size_t n = strlen(separator);
	const char *at = rest->n ? memmem(rest->p, rest->n, separator, n) : NULL;

	if (!at)
		return false;
	*ret_field = (struct slice){ rest->p, (size_t)(at - rest->p) };
	rest->n -= ret_field->n + n;
	rest->p = at + n;
	return true;
}

/*
 * Name and directory with '|' as separator. A directory begins with '/', so the last "|/" is most
 * likely where it begins; whatever follows the directory is surplus.
 */
static bool cut_name_and_workdir(struct slice text, struct sacct_record *record)
{
	const char *at = NULL;
	struct slice workdir;

	for (size_t i = 0; i + 1 < text.n; i++)
		if (text.p[i] == '|' && text.p[i + 1] == '/')
			at = text.p + i;
	if (!at)
		at = text.n ? memchr(text.p, '|', text.n) : NULL;
	if (!at)
		return false;
	record->fields[SACCT_JOB_NAME] = (struct slice){ text.p, (size_t)(at - text.p) };
	workdir = (struct slice){ at + 1, text.n - (size_t)(at + 1 - text.p) };
	slice_next(&workdir, '|', &record->fields[SACCT_WORKDIR]);
	return true;
}

static bool parse_line(struct slice line, struct sacct_record *record)
{
	for (int i = 0; i < SACCT_JOB_NAME; i++)
		if (!cut(&line, "|", &record->fields[i]))
			return false;
	return cut_name_and_workdir(line, record);
}

static struct slice after_last_line_feed(struct slice s)
{
	const char *lf = s.n ? memrchr(s.p, '\n', s.n) : NULL;

	return lf ? (struct slice){ lf + 1, s.n - (size_t)(lf + 1 - s.p) } : s;
}

/*
 * With a separator that no field contains, a record is 18 fields that end with it and a directory.
 * That one ends at the line feed in front of the next record's number, or of the output's end.
 */
static bool next_separated(struct sacct_records *records, struct sacct_record *record)
{
	struct slice *rest = &records->rest, ahead, workdir;

	for (int i = 0; i < SACCT_WORKDIR; i++)
		if (!cut(rest, records->separator, &record->fields[i])) {
			*rest = (struct slice){ NULL, 0 };
			return false;
		}
	record->fields[SACCT_JOBID] = after_last_line_feed(record->fields[SACCT_JOBID]);

	ahead = *rest;
	workdir = *rest;
	if (cut(&ahead, records->separator, &workdir)) {
		struct slice next_id = after_last_line_feed(workdir);

		workdir.n = next_id.p > workdir.p ? (size_t)(next_id.p - 1 - workdir.p) : 0;
		*rest = (struct slice){ next_id.p, rest->n - (size_t)(next_id.p - rest->p) };
	} else {
		if (workdir.n && workdir.p[workdir.n - 1] == '\n')
			workdir.n--;
		*rest = (struct slice){ NULL, 0 };
	}
	record->fields[SACCT_WORKDIR] = workdir;
	return true;
}

/* A job and no step of it ("123.batch"), with nodes. */
static bool is_job(const struct sacct_record *record)
{
	struct slice id = record->fields[SACCT_JOBID];

	return id.n && !memchr(id.p, '.', id.n) &&
		!slice_eq(record->fields[SACCT_NODELIST], "None assigned");
}

bool sacct_next(struct sacct_records *records, struct sacct_record *ret_record)
{
	struct sacct_record record;
	struct slice line;

	if (!str_eq(records->separator, "|")) {
		while (next_separated(records, &record)) {
			if (is_job(&record)) {
				*ret_record = record;
				return true;
			}
			records->skipped++;
		}
		return false;
	}
	while (slice_next_line(&records->rest, &line)) {
		if (parse_line(line, &record) && is_job(&record)) {
			*ret_record = record;
			return true;
		}
		records->skipped++;
	}
	return false;
}

static int64_t count(struct slice text)
{
	int64_t value;

	return slice_to_i64(text, &value) >= 0 && value > 0 ? value : 0;
}

/* "96.5G": the whole part of the number, times the unit. */
static int64_t memory_bytes(struct slice text)
{
	static const char units[] = "KMGT";
	size_t i = 0, digits;
	const char *unit;
	int shift, dots = 0;
	uint64_t whole;

	while (i < text.n && !isdigit((unsigned char)text.p[i]))
		i++;
	text = (struct slice){ text.p + i, text.n - i };
	for (digits = 0; digits < text.n && isdigit((unsigned char)text.p[digits]);)
		digits++;
	for (i = digits; i < text.n && (isdigit((unsigned char)text.p[i]) || text.p[i] == '.'); i++)
		dots += text.p[i] == '.';
	unit = i < text.n && text.p[i] ? strchr(units, text.p[i]) : NULL;
	if (!unit || dots > 1 || slice_to_u64((struct slice){ text.p, digits }, &whole) < 0)
		return 0;
	shift = 10 * (int)(unit - units + 1);
	return whole > (uint64_t)INT64_MAX >> shift ? 0 : (int64_t)(whole << shift);
}

/* "gres/gpu" or "gres/gpu:type", but not gres/gpumem and gres/gpuutil. */
static bool is_gpu(struct slice key, bool *ret_typed)
{
	const size_t n = sizeof("gres/gpu") - 1;

	if (key.n < n || memcmp(key.p, "gres/gpu", n) != 0)
		return false;
	*ret_typed = key.n > n;
	return key.n == n || key.p[n] == ':';
}

static int64_t add_counts(int64_t a, int64_t b)
{
	return a > INT64_MAX - b ? INT64_MAX : a + b;
}

void sacct_parse_tres(struct slice text, struct sacct_tres *ret_tres)
{
	struct sacct_tres tres = { 0 };
	int64_t typed_gpus = 0;
	bool plain = false, typed;
	struct slice item;

	while (slice_next(&text, ',', &item)) {
		struct slice key;

		if (!slice_next(&item, '=', &key) || !item.p)
			continue;
		if (slice_eq(key, "billing"))
			tres.billing = count(item);
		else if (slice_eq(key, "node"))
			tres.nodes = count(item);
		else if (slice_eq(key, "cpu"))
			tres.cpus = count(item);
		else if (slice_eq(key, "mem"))
			tres.mem_bytes = memory_bytes(item);
		else if (is_gpu(key, &typed) && typed)
			typed_gpus = add_counts(typed_gpus, count(item));
		else if (is_gpu(key, &typed))
			plain = true, tres.gpus = count(item);
	}
	if (!plain)
		tres.gpus = typed_gpus;
	*ret_tres = tres;
}

static int64_t floor_to_second(int64_t ms)
{
	return ms - (ms % MS + MS) % MS;
}

int64_t sacct_window_seconds(int64_t job_start_ms, int64_t job_end_ms, int64_t since_ms,
	int64_t start_ms, int64_t end_ms)
{
	int64_t from, to;

	if (job_start_ms <= 0)
		return 0;
	if (job_end_ms > 0 && job_end_ms < floor_to_second(since_ms)) {
		from = job_start_ms;
		to = job_end_ms;
	} else {
		from = MAX(job_start_ms, start_ms);
		to = job_end_ms > 0 && job_end_ms < end_ms ? job_end_ms : end_ms;
	}
	return to > from ? (to - from) / MS : 0;
}

bool sacctmgr_parse_association(
	struct slice line, struct slice *ret_account, struct slice *ret_user)
{
	struct slice account, user;

	if (!slice_next(&line, '|', &account) || !slice_next(&line, '|', &user))
		return false;
	if (!account.n || !user.n || slice_eq(account, "root") || slice_eq(user, "root"))
		return false;
	*ret_account = account;
	*ret_user = user;
	return true;
}
