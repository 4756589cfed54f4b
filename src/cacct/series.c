// SPDX-License-Identifier: Apache-2.0
#include "cacct/series.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "basic/clock.h"
#include "basic/file.h"
#include "basic/macros.h"
#include "basic/num.h"
#include "config.h"
#include "format/json_writer.h"

enum {
	STEP_MS = 10000,
	POINTS_MAX = 11000, /* of one series, Prometheus's own limit */
	MS = 1000,
	NS_PER_MS = 1000000,
	SCRAPE_DEFAULT_MS = 60000,
	RANGE_ARENA_BYTES = 512 << 20,
	METADATA_MAX_BYTES = 64 << 20,
};

struct dump {
	const struct series_job *job;
	struct tsdb *tsdb;
	int64_t lookback_ms;
	int dir_fd;
	struct buffer metadata; /* entries, with a comma between */
};

uint64_t series_fingerprint(const struct tsdb_series *series)
{
	uint64_t hash = 14695981039346656037U;

	for (size_t i = 0; i < series->n_labels; i++) {
		const char *texts[] = { series->labels[i].name, series->labels[i].value };

		for (size_t t = 0; t < ARRAY_SIZE(texts); t++) {
			for (const char *p = texts[t]; *p; p++)
				hash = (hash ^ (unsigned char)*p) * 1099511628211U;
			hash = (hash ^ 0xff) * 1099511628211U;
		}
	}
	return hash;
}

int64_t series_step_ms(int64_t span_ms)
{
	int64_t least_ms = (span_ms + POINTS_MAX - 2) / (POINTS_MAX - 1);

	/* Whole seconds. */
	return least_ms <= STEP_MS ? STEP_MS : (least_ms + MS - 1) / MS * MS;
}

void series_query(const char *format, const char *uuid, struct buffer *out)
{
	for (const char *p = format; *p; p++) {
		if (p[0] != '%' || p[1] != 's') {
			buffer_putc(out, *p);
			continue;
		}
		for (const char *u = uuid; *u; u++) {
			if (*u == '"' || *u == '\\')
				buffer_putc(out, '\\');
			buffer_putc(out, *u);
		}
		p++;
	}
}

static int write_file(
	int dir_fd, const char *name, mode_t mode, const struct buffer *text, struct err *err)
{
	CLEANUP(file_closep)
	int fd = openat(dir_fd, name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, mode);
	size_t done = 0;

	if (buffer_error(text))
		return err_errno(err, buffer_error(text), "making '%s'", name);
	while (fd >= 0 && done < text->len) {
		ssize_t n = write(fd, text->data + done, text->len - done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			break;
		done += (size_t)n;
	}
	if (fd < 0 || done < text->len)
		return err_errno(err, -errno, "writing '%s'", name);
	return 0;
}

static void add_metadata(struct dump *d, const char *fingerprint, const struct tsdb_series *series)
{
	struct buffer *out = &d->metadata;

	buffer_printf(out, "%s\n\t{\n\t\t\"fingerprint\": \"%s\",\n\t\t\"labels\": {",
		out->len ? "," : "", fingerprint);
	for (size_t i = 0; i < series->n_labels; i++) {
		const struct tsdb_label *label = &series->labels[i];

		buffer_puts(out, i ? ",\n\t\t\t" : "\n\t\t\t");
		json_writer_quote(out, label->name, strlen(label->name));
		buffer_puts(out, ": ");
		json_writer_quote(out, label->value, strlen(label->value));
	}
	buffer_puts(out, "\n\t\t}\n\t}");
}

static int write_series(struct dump *d, const struct tsdb_range *range, struct err *err)
{
	CLEANUP(buffer_done) struct buffer csv = { 0 };
	char fingerprint[17], name[32], time[NUM_TEXT_MAX], value[NUM_TEXT_MAX];

	/* Series of no unit are none of ours. */
	if (!*tsdb_series_label(&range->series, "uuid"))
		return 0;
	snprintf(fingerprint, sizeof(fingerprint), "%016llx",
		(unsigned long long)series_fingerprint(&range->series));
	snprintf(name, sizeof(name), "%s.csv", fingerprint);
	buffer_puts(&csv, "timestamp,value\n");
	for (size_t i = 0; i < range->n_points; i++) {
		num_plain(range->points[i].timestamp_s, time);
		num_plain(range->points[i].value, value);
		buffer_printf(&csv, "%s,%s\n", time, value);
	}
	add_metadata(d, fingerprint, &range->series);
	return write_file(d->dir_fd, name, 0666, &csv, err);
}

static int write_metadata(struct dump *d, struct err *err)
{
	CLEANUP(buffer_done) struct buffer text = { 0 };
	int r;

	if (buffer_error(&d->metadata))
		return err_errno(err, buffer_error(&d->metadata), "making 'metadata.json'");
	if (d->metadata.len)
		buffer_printf(&text, "[%s\n]", buffer_text(&d->metadata));
	else
		buffer_puts(&text, "null");
	/* What an earlier dump left may have another mode. */
	(void)unlinkat(d->dir_fd, "metadata.json", 0);
	r = write_file(d->dir_fd, "metadata.json", 0600, &text, err);
	return r;
}

static int limit_time(struct dump *d, struct err *err)
{
	int64_t left_ms = (d->job->deadline_ns - clock_monotonic_ns(clock_system())) / NS_PER_MS;

	if (left_ms <= 0)
		return err_set(err, -ETIMEDOUT, "time is up");
	tsdb_set_timeout(d->tsdb, left_ms);
	return 0;
}

static int ask(struct dump *d, const struct record *unit, const char *format, struct arena *arena,
	struct tsdb_range **ret_ranges, size_t *ret_n, struct err *err)
{
	CLEANUP(buffer_done) struct buffer query = { 0 };
	int64_t end_ms = unit->ended_at_ms > 0 ? unit->ended_at_ms : d->job->now_ms;
	const struct tsdb_span span = { (double)unit->started_at_ms / MS, (double)end_ms / MS,
		series_step_ms(end_ms - unit->started_at_ms) };

	if (unit->started_at_ms <= 0 || end_ms < unit->started_at_ms)
		return err_set(err, -ENODATA, "it has not begun");
	series_query(format, unit->text[FIELD_JOB_ID], &query);
	if (buffer_error(&query))
		return err_errno(err, buffer_error(&query), "query");
	return tsdb_query_range(
		d->tsdb, buffer_text(&query), &span, d->lookback_ms, arena, ret_ranges, ret_n, err);
}

/* One query for one unit. Only files that can't be written are an error. */
static int dump_one(struct dump *d, const struct record *unit, const char *name, const char *format,
	struct err *err)
{
	struct tsdb_range *ranges;
	struct arena arena;
	struct err why;
	size_t n = 0;
	int r;

	r = limit_time(d, err);
	if (r < 0)
		return r;
	arena_init(&arena, RANGE_ARENA_BYTES);
	r = ask(d, unit, format, &arena, &ranges, &n, &why);
	if (r < 0) {
		fprintf(stderr, "no time series '%s' of '%s': %s\n", name, unit->text[FIELD_JOB_ID],
			why.text);
		r = 0;
	}
	for (size_t i = 0; r >= 0 && i < n; i++)
		r = write_series(d, &ranges[i], err);
	arena_done(&arena);
	return r;
}

/* The scrape interval is how far a query may look back for a sample. */
static int connect_tsdb(struct dump *d, struct err *err)
{
	const struct settings_tsdb *tsdb = &d->job->settings->tsdb;
	struct tsdb_settings found;
	struct err why;
	int r;

	r = tsdb_new(tsdb->url, &tsdb->client, "cacct/" CEEMS_VERSION, &d->tsdb, err);
	if (r >= 0)
		r = limit_time(d, err);
	if (r < 0)
		return r;
	d->lookback_ms = SCRAPE_DEFAULT_MS;
	if (tsdb_global_intervals(d->tsdb, &found, &why) >= 0 && found.scrape_interval_ms > 0)
		d->lookback_ms = found.scrape_interval_ms;
	return 0;
}

static int dump_all(struct dump *d, struct err *err)
{
	const struct config_map *queries = &d->job->settings->tsdb.queries;
	const struct records *units = d->job->units;
	int r;

	r = connect_tsdb(d, err);
	if (r >= 0)
		r = file_mkdirs(d->job->dir, 0700, err);
	if (r < 0)
		return r;
	d->dir_fd = open(d->job->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (d->dir_fd < 0)
		return err_errno(err, -errno, "opening '%s'", d->job->dir);
	for (size_t u = 0; u < units->n; u++)
		for (size_t q = 0; r >= 0 && q < queries->n; q++)
			r = dump_one(d, &units->v[u], queries->names[q], queries->values[q], err);
	return r < 0 ? r : write_metadata(d, err);
}

int series_dump(const struct series_job *job, struct err *err)
{
	struct dump d = { .job = job, .dir_fd = -1, .metadata = { .limit = METADATA_MAX_BYTES } };
	int r;

	r = dump_all(&d, err);
	tsdb_free(d.tsdb);
	file_closep(&d.dir_fd);
	buffer_done(&d.metadata);
	return r;
}
