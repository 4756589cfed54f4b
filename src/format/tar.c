// SPDX-License-Identifier: Apache-2.0
#include "format/tar.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* Offsets and widths of the fields of a ustar header. */
struct field {
	size_t at, n;
};
static const struct field NAME = { 0, 100 }, MODE = { 100, 8 }, UID = { 108, 8 }, GID = { 116, 8 },
			  SIZE = { 124, 12 }, MTIME = { 136, 12 }, SUM = { 148, 8 },
			  TYPE = { 156, 1 }, LINK = { 157, 100 }, MAGIC = { 257, 8 },
			  PREFIX = { 345, 155 };

static void put(char *block, struct field f, const char *text, size_t n)
{
	memcpy(block + f.at, text, n);
}

static void put_number(char *block, struct field f, uint64_t value)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%0*" PRIo64, (int)f.n - 1, value);

	put(block, f, text, (size_t)n < f.n ? (size_t)n : f.n - 1);
}

static unsigned sum_of(const char *block)
{
	unsigned sum = 0;

	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++)
		sum += i >= SUM.at && i < SUM.at + SUM.n ? ' ' : (unsigned char)block[i];
	return sum;
}

static void append_header(
	struct buffer *out, char type, const char *name, const char *target, size_t size)
{
	char block[TAR_BLOCK_BYTES] = { 0 }, sum[8];

	put(block, NAME, name, strnlen(name, NAME.n));
	put(block, LINK, target, strnlen(target, LINK.n));
	put_number(block, MODE, type == TAR_FILE || type == 'x' ? 0644 : 0755);
	put_number(block, UID, 0);
	put_number(block, GID, 0);
	put_number(block, SIZE, size);
	put_number(block, MTIME, 0);
	block[TYPE.at] = type;
	put(block, MAGIC,
		"ustar\0"
		"00",
		MAGIC.n);
	snprintf(sum, sizeof(sum), "%06o", sum_of(block) & 0777777);
	put(block, SUM, sum, sizeof(sum));
	block[SUM.at + SUM.n - 1] = ' ';
	buffer_append(out, block, sizeof(block));
}

static void append_data(struct buffer *out, const void *data, size_t n)
{
	static const char zeros[TAR_BLOCK_BYTES];

	if (n == 0)
		return;
	buffer_append(out, data, n);
	buffer_append(out, zeros, (TAR_BLOCK_BYTES - n % TAR_BLOCK_BYTES) % TAR_BLOCK_BYTES);
}

/* "LENGTH KEY=VALUE\n", where LENGTH counts itself. */
static void append_record(struct buffer *out, const char *key, const char *value)
{
	size_t n = strlen(key) + strlen(value) + 3, digits = 1, total;

	for (;;) {
		total = n + digits;
		if ((size_t)snprintf(NULL, 0, "%zu", total) == digits)
			break;
		digits++;
	}
	buffer_printf(out, "%zu %s=%s\n", total, key, value);
}

int tar_append(struct buffer *out, enum tar_type type, const char *name, const char *target,
	struct slice data)
{
	CLEANUP(buffer_done) struct buffer records = { 0 };
	const size_t name_n = strlen(name), target_n = target ? strlen(target) : 0;

	if (name_n > TAR_NAME_MAX || target_n > TAR_NAME_MAX)
		return -E2BIG;
	if (name_n > NAME.n)
		append_record(&records, "path", name);
	if (target_n > LINK.n)
		append_record(&records, "linkpath", target);
	if (buffer_error(&records))
		return buffer_error(&records);
	if (records.len > 0) {
		append_header(out, 'x', "pax", "", records.len);
		append_data(out, records.data, records.len);
	}
	append_header(out, (char)type, name, target ? target : "", type == TAR_FILE ? data.n : 0);
	if (type == TAR_FILE)
		append_data(out, data.p, data.n);
	return buffer_error(out);
}

void tar_end(struct buffer *out)
{
	static const char zeros[2 * TAR_BLOCK_BYTES];

	buffer_append(out, zeros, sizeof(zeros));
}

/* Octal digits, blanks and NULs around them. */
static int get_number(const char *block, struct field f, uint64_t *ret)
{
	uint64_t value = 0;
	size_t i = f.at;
	bool any = false;

	while (i < f.at + f.n && block[i] == ' ')
		i++;
	for (; i < f.at + f.n && block[i] >= '0' && block[i] <= '7'; i++, any = true)
		value = value * 8 + (uint64_t)(block[i] - '0');
	for (; i < f.at + f.n; i++) {
		if (block[i] != ' ' && block[i] != '\0')
			return -EBADMSG;
	}
	if (!any)
		return -EBADMSG;
	*ret = value;
	return 0;
}

static void get_text(const char *block, struct field f, char *text)
{
	size_t n = strnlen(block + f.at, f.n);

	memcpy(text, block + f.at, n);
	text[n] = '\0';
}

static void get_name(const char *block, char *name)
{
	size_t n = strnlen(block + PREFIX.at, PREFIX.n);

	memcpy(name, block + PREFIX.at, n);
	if (n > 0)
		name[n++] = '/';
	get_text(block, NAME, name + n);
}

static bool cut_record(struct slice *rest, struct slice *ret_record)
{
	struct slice word = *rest;
	uint64_t n;
	const char *blank = rest->n ? memchr(rest->p, ' ', rest->n) : NULL;

	if (!blank)
		return false;
	word.n = (size_t)(blank - rest->p);
	if (slice_to_u64(word, &n) < 0 || n > rest->n || n < word.n + 2 || rest->p[n - 1] != '\n')
		return false;
	*ret_record = (struct slice){ blank + 1, n - word.n - 2 };
	*rest = (struct slice){ rest->p + n, rest->n - n };
	return true;
}

static bool take_record(struct slice record, struct slice key, char *text)
{
	if (record.n < key.n || memcmp(record.p, key.p, key.n) != 0)
		return true;
	record = (struct slice){ record.p + key.n, record.n - key.n };
	if (record.n == 0 || record.n > TAR_NAME_MAX || memchr(record.p, '\0', record.n))
		return false;
	memcpy(text, record.p, record.n);
	text[record.n] = '\0';
	return true;
}

static int take_records(struct slice data, char *name, char *target)
{
	struct slice record;

	while (data.n > 0) {
		if (!cut_record(&data, &record) || !take_record(record, SLICE("path="), name) ||
			!take_record(record, SLICE("linkpath="), target))
			return -EBADMSG;
	}
	return 0;
}

static bool is_zero(const char *block)
{
	for (size_t i = 0; i < TAR_BLOCK_BYTES; i++) {
		if (block[i])
			return false;
	}
	return true;
}

/* One header with its data; 0 at the end. */
static int next_raw(struct slice *rest, const char **ret_block, struct slice *ret_data)
{
	const char *block = rest->p;
	uint64_t size, sum;
	size_t padded;

	if (rest->n < TAR_BLOCK_BYTES)
		return -EBADMSG;
	if (is_zero(block))
		return 0;
	if (get_number(block, SUM, &sum) < 0 || sum != sum_of(block) ||
		memcmp(block + MAGIC.at, "ustar", 5) != 0 || get_number(block, SIZE, &size) < 0)
		return -EBADMSG;
	if (size > rest->n - TAR_BLOCK_BYTES)
		return -EBADMSG;
	padded = ((size_t)size + TAR_BLOCK_BYTES - 1) / TAR_BLOCK_BYTES * TAR_BLOCK_BYTES;
	if (padded > rest->n - TAR_BLOCK_BYTES)
		return -EBADMSG;
	*ret_block = block;
	*ret_data = (struct slice){ block + TAR_BLOCK_BYTES, (size_t)size };
	*rest = (struct slice){ block + TAR_BLOCK_BYTES + padded,
		rest->n - TAR_BLOCK_BYTES - padded };
	return 1;
}

int tar_next(struct slice *rest, struct tar_entry *ret_entry)
{
	struct tar_entry *e = ret_entry;
	const char *block;
	size_t n;
	char type;
	int r;

	e->name[0] = e->target[0] = '\0';
	r = next_raw(rest, &block, &e->data);
	if (r > 0 && block[TYPE.at] == 'x') {
		r = take_records(e->data, e->name, e->target);
		if (r >= 0)
			r = next_raw(rest, &block, &e->data);
		if (r == 0)
			r = -EBADMSG;
	}
	if (r <= 0)
		return r;
	if (!e->name[0])
		get_name(block, e->name);
	if (!e->target[0])
		get_text(block, LINK, e->target);
	type = block[TYPE.at] ? block[TYPE.at] : TAR_FILE;
	if (type != TAR_FILE && type != TAR_DIR && type != TAR_SYMLINK)
		return -EOPNOTSUPP;
	e->type = (enum tar_type)type;
	if (type != TAR_FILE)
		e->data.n = 0;
	if (type != TAR_SYMLINK)
		e->target[0] = '\0';
	n = strlen(e->name);
	if (n > 1 && e->name[n - 1] == '/')
		e->name[n - 1] = '\0';
	return 1;
}

bool tar_name_is_safe(const char *name)
{
	struct slice rest = slice_from(name), part;

	while (slice_next(&rest, '/', &part)) {
		if (part.n == 0 || part.n > 255 || slice_eq(part, ".") || slice_eq(part, ".."))
			return false;
	}
	return true;
}

bool tar_link_is_safe(const char *name, const char *target)
{
	struct slice rest = slice_from(name), part;
	size_t depth = 0;
	bool named = false;

	if (!tar_name_is_safe(name) || target[0] == '/' || target[0] == '\0')
		return false;
	while (slice_next(&rest, '/', &part))
		depth++;
	depth--; /* the folder that holds the link */
	rest = slice_from(target);
	while (slice_next(&rest, '/', &part)) {
		if (slice_eq(part, "..")) {
			if (named || depth-- <= 1)
				return false;
		} else if (part.n > 0 && !slice_eq(part, ".")) {
			named = true;
		}
	}
	return depth >= 1;
}
