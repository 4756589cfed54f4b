// SPDX-License-Identifier: Apache-2.0
#include "tool/capture/anonymise.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <stdio.h>
#include <strings.h>

#include "basic/macros.h"

enum { HASH_DIGITS = 64, UUID_DIGITS = 32, LONG_HEX_MIN = 32, MAC_DIGITS = 12, TEXT_DIGITS = 12 };

static bool is_hex(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

static bool is_word(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
}

/* Of what kind it is goes in, too, so that a UUID and a serial number never meet by their hash. */
static void hash(const struct anonymiser *a, const char *kind, struct slice text,
	char digits[static HASH_DIGITS + 1])
{
	CLEANUP(buffer_done) struct buffer whole = { 0 };
	unsigned char sum[HASH_DIGITS / 2] = { 0 };

	buffer_printf(&whole, "%s:", kind);
	buffer_append(&whole, text.p, text.n);
	if (!buffer_error(&whole))
		gnutls_hmac_fast(
			GNUTLS_MAC_SHA256, a->key, sizeof(a->key), whole.data, whole.len, sum);
	for (size_t i = 0; i < sizeof(sum); i++)
		snprintf(digits + 2 * i, 3, "%02x", sum[i]);
}

static size_t hex_run(struct slice s, size_t max)
{
	size_t n = 0;

	while (n < s.n && n < max && is_hex(s.p[n]))
		n++;
	return n;
}

/* The bytes of what separates two groups of a UUID: also as systemd and the kubelet write it. */
static size_t separator(struct slice s)
{
	if (s.n > 0 && (s.p[0] == '-' || s.p[0] == '_'))
		return 1;
	return s.n >= 4 && memcmp(s.p, "\\x2d", 4) == 0 ? 4 : 0;
}

static struct slice from(struct slice s, size_t n)
{
	return (struct slice){ s.p + n, s.n - n };
}

/* Its length, or 0; its digits in lower case. */
static size_t match_uuid(struct slice s, char digits[static UUID_DIGITS])
{
	static const size_t groups[] = { 8, 4, 4, 4, 12 };
	size_t n = 0, d = 0;

	for (size_t g = 0; g < ARRAY_SIZE(groups); g++) {
		size_t skip = g ? separator(from(s, n)) : 0;

		if (g && !skip)
			return 0;
		n += skip;
		if (hex_run(from(s, n), groups[g]) != groups[g])
			return 0;
		for (size_t i = 0; i < groups[g]; i++) {
			char c = s.p[n++];

			digits[d++] = c >= 'A' && c <= 'F' ? (char)(c | 32) : c;
		}
	}
	return n < s.n && is_hex(s.p[n]) ? 0 : n;
}

static size_t match_mac(struct slice s)
{
	size_t n = 0;

	for (size_t i = 0; i < MAC_DIGITS / 2; i++) {
		if (i && (n >= s.n || s.p[n++] != ':'))
			return 0;
		if (hex_run(from(s, n), 3) != 2)
			return 0;
		n += 2;
	}
	return n < s.n && (is_word(s.p[n]) || s.p[n] == ':') ? 0 : n;
}

/* Replaces the hexadecimal digits of text by those of the hash, and leaves the rest. */
static void put_digits(struct slice text, const char *digits, struct buffer *out)
{
	for (size_t i = 0, d = 0; i < text.n; i++) {
		if (text.p[i] == '\\' && separator(from(text, i)) == 4) {
			buffer_puts(out, "\\x2d");
			i += 3;
		} else {
			buffer_putc(out, is_hex(text.p[i]) ? digits[d++ % HASH_DIGITS] : text.p[i]);
		}
	}
}

static size_t match_word(struct slice s, const char *word)
{
	size_t n = strlen(word);

	return n && s.n >= n && strncasecmp(s.p, word, n) == 0 ? n : 0;
}

static size_t match_host(const struct anonymiser *a, struct slice s)
{
	size_t n = match_word(s, a->host);

	return n && !(n < s.n && is_word(s.p[n])) ? n : 0;
}

/*
 * The key of a value that is hidden whole, up to the value: "serial_number": ", <serial>,
 * Serial Number : and the like. 0: no such key.
 */
static size_t match_key(struct slice s)
{
	static const char *const keys[] = { "serial", "process_name", "asset_serial",
		"access_token", "token", "assettag", "hostname", "fqdn" };
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(keys) && !n; i++)
		n = match_word(s, keys[i]);
	if (!n)
		return 0;
	while (n < s.n && (is_word(s.p[n]) || strchr("_ \t\"()", s.p[n])) && s.p[n])
		n++;
	if (n == s.n || !strchr(":=>", s.p[n]) || !s.p[n])
		return 0;
	for (n++; n < s.n && s.p[n] && strchr(" \t\"", s.p[n]);)
		n++;
	return n;
}

static size_t value_len(struct slice s)
{
	size_t n = 0;

	while (n < s.n && s.p[n] && !strchr("\"<>,\n\r", s.p[n]))
		n++;
	return n;
}

static void put_hashed(
	const struct anonymiser *a, const char *kind, struct slice text, struct buffer *out)
{
	char digits[HASH_DIGITS + 1];

	hash(a, kind, text, digits);
	buffer_printf(out, "%s-%.*s", kind, TEXT_DIGITS, digits);
}

void anonymise_name(const struct anonymiser *a, struct slice name, struct buffer *out)
{
	put_hashed(a, "anon", name, out);
}

/* Of rdma(8): "pid 7 comm NAME", or "pid":7,"comm":"NAME", in which bytes may be escaped. */
static size_t replace_comm(const struct anonymiser *a, struct slice rest, struct buffer *out)
{
	static const char *const keys[] = { "comm ", "comm\":\"" };

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
		const size_t key = strlen(keys[i]);
		size_t n = key;

		if (rest.n <= n || memcmp(rest.p, keys[i], n) != 0)
			continue;
		if (i == 0)
			while (n < rest.n && rest.p[n] > ' ')
				n++;
		else
			while (n < rest.n && rest.p[n] != '"')
				n += rest.p[n] == '\\' ? 2 : 1;
		n = MIN(n, rest.n);
		buffer_puts(out, keys[i]);
		put_hashed(a, "anon", (struct slice){ rest.p + key, n - key }, out);
		return n;
	}
	return 0;
}

static size_t replace_value(const struct anonymiser *a, struct slice rest, struct buffer *out)
{
	size_t key = match_key(rest), n;
	struct slice value;

	if (!key)
		return 0;
	value = from(rest, key);
	n = value.n = value_len(value);
	buffer_append(out, rest.p, key);
	if (n > 0 && !slice_eq(value, "N/A") && !slice_eq(value, "[N/A]"))
		put_hashed(a, "anon", value, out);
	else
		buffer_append(out, value.p, n);
	return key + n;
}

/* A long run of decimal digits is a reading, however odd. */
static bool has_letter(struct slice s, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (s.p[i] > '9')
			return true;
	return false;
}

static size_t replace_hex(
	const struct anonymiser *a, struct slice rest, bool after_hex, struct buffer *out)
{
	char uuid[UUID_DIGITS], digits[HASH_DIGITS + 1];
	const char *kind = "uuid";
	size_t n = match_uuid(rest, uuid);
	struct slice key = { uuid, UUID_DIGITS };

	if (!n && !after_hex) {
		kind = "id";
		n = hex_run(rest, rest.n);
		if (n < LONG_HEX_MIN || !has_letter(rest, n)) {
			kind = "mac";
			n = match_mac(rest);
		}
		key = (struct slice){ rest.p, n };
	}
	if (!n)
		return 0;
	hash(a, kind, key, digits);
	put_digits((struct slice){ rest.p, n }, digits, out);
	return n;
}

/* The control group of a static pod: "pod" and a hash, in front of which the 'd' is no digit. */
static size_t replace_pod(const struct anonymiser *a, struct slice rest, struct buffer *out)
{
	static const char key[] = "pod";
	const size_t n = sizeof(key) - 1;

	if (rest.n <= n || memcmp(rest.p, key, n) != 0 ||
		hex_run(from(rest, n), rest.n) < LONG_HEX_MIN)
		return 0;
	buffer_puts(out, key);
	return n + replace_hex(a, from(rest, n), false, out);
}

void anonymise(const struct anonymiser *a, struct slice text, struct buffer *out)
{
	for (size_t i = 0; i < text.n && !buffer_error(out);) {
		struct slice rest = from(text, i);
		const char before = i ? text.p[i - 1] : '\0';
		size_t n = 0;

		n = replace_pod(a, rest, out);
		if (!n && is_hex(text.p[i]))
			n = replace_hex(a, rest, is_hex(before), out);
		if (!n && !is_word(before)) {
			n = match_host(a, rest);
			if (n)
				put_hashed(a, "host", slice_from(a->host), out);
			else
				n = replace_comm(a, rest, out);
			if (!n)
				n = replace_value(a, rest, out);
		}
		if (!n) {
			buffer_putc(out, text.p[i]);
			n = 1;
		}
		i += n;
	}
}

void anonymise_environ(const struct anonymiser *a, struct slice text, struct buffer *out)
{
	/* What src/exporter reads of it: slurm_units.c, slurm_devices.c. */
	static const char *const names[] = { "CUDA_MPS_ACTIVE_THREAD_PERCENTAGE=",
		"CUDA_VISIBLE_DEVICES=", "SLURM_JOB_GPUS=", "SLURM_JOB_ID=",
		"SLURM_SHARDS_ON_NODE=", "SLURM_STEP_GPUS=" };
	struct slice entry;

	while (slice_next(&text, '\0', &entry)) {
		for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
			size_t n = strlen(names[i]);

			if (entry.n < n || memcmp(entry.p, names[i], n) != 0)
				continue;
			anonymise(a, entry, out);
			buffer_putc(out, '\0');
			break;
		}
	}
}

void anonymise_cmdline(struct slice text, struct buffer *out)
{
	static const struct slice start = { "slurmstepd: [", 13 };
	const char *end;

	if (text.n < start.n || memcmp(text.p, start.p, start.n) != 0)
		return;
	end = memchr(text.p, ']', text.n);
	if (!end)
		return;
	buffer_append(out, text.p, (size_t)(end - text.p) + 1);
	buffer_putc(out, '\0');
}

void anonymise_status(struct slice text, struct buffer *out)
{
	struct slice line, word;

	while (slice_next_line(&text, &line)) {
		if (line.n < 4 || memcmp(line.p, "Uid:", 4) != 0)
			continue;
		line = from(line, 4);
		if (slice_next_word(&line, &word))
			buffer_puts(out,
				slice_eq(word, "0") ? "Uid:\t0\t0\t0\t0\n"
						    : "Uid:\t65534\t65534\t65534\t65534\n");
		return;
	}
}
