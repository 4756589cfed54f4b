// SPDX-License-Identifier: Apache-2.0
/*
 * Structured log records on a descriptor, logfmt or JSON (spec exporter-node.md 2.4). Programs log;
 * libraries get no logger, or use log_debug() only. Thread-safe: one write(2) a record.
 *
 *     log_warn(log, "no RAPL domain found", LOG_STR("collector", "rapl"), LOG_INT("zones", 0));
 */
#ifndef CEEMS_BASIC_LOG_H
#define CEEMS_BASIC_LOG_H

#include <stddef.h>
#include <stdint.h>

#include "basic/clock.h"
#include "basic/err.h"

enum log_level { LOG_LEVEL_DEBUG, LOG_LEVEL_INFO, LOG_LEVEL_WARN, LOG_LEVEL_ERROR };
enum log_format { LOG_FORMAT_LOGFMT, LOG_FORMAT_JSON };

struct log {
	int fd;
	enum log_level level; /* records below it are dropped before any formatting */
	enum log_format format;
	const struct clock *clock;
};

enum log_field_type { LOG_FIELD_STR, LOG_FIELD_INT, LOG_FIELD_F64 };

struct log_field {
	const char *key;
	enum log_field_type type;
	union {
		const char *str; /* any bytes; NULL prints as an empty string */
		int64_t i64;
		double f64;
	};
};

#define LOG_STR(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_STR, .str = (v) })
#define LOG_INT(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_INT, .i64 = (v) })
#define LOG_F64(k, v) ((struct log_field){ .key = (k), .type = LOG_FIELD_F64, .f64 = (v) })
/* The sentence of a struct err, under the key 'err'. */
#define LOG_ERR(e) LOG_STR("err", (e)->text)

/*
 * log may be NULL: nothing is written. A value longer than 2 KiB is cut and ends in "..."; fields
 * that don't fit into a record of 16 KiB are left out and counted in a last field 'fields_cut'.
 */
void log_write(const struct log *log, enum log_level level, const char *file, int line,
	const char *message, const struct log_field *fields, size_t n_fields);

#define LOG_AT(logger, level_, message, ...)                                                       \
	do {                                                                                       \
		const struct log *log_at_ = (logger);                                              \
		if (log_at_ && log_at_->level <= (level_)) {                                       \
			const struct log_field log_fields_[] = { LOG_STR("", ""), ##__VA_ARGS__ }; \
			log_write(log_at_, (level_), __FILE_NAME__, __LINE__, (message),           \
				log_fields_ + 1, sizeof(log_fields_) / sizeof(*log_fields_) - 1);  \
		}                                                                                  \
	} while (0)
#define log_debug(logger, message, ...) LOG_AT(logger, LOG_LEVEL_DEBUG, message, ##__VA_ARGS__)
#define log_info(logger, message, ...) LOG_AT(logger, LOG_LEVEL_INFO, message, ##__VA_ARGS__)
#define log_warn(logger, message, ...) LOG_AT(logger, LOG_LEVEL_WARN, message, ##__VA_ARGS__)
#define log_error(logger, message, ...) LOG_AT(logger, LOG_LEVEL_ERROR, message, ##__VA_ARGS__)

#endif
