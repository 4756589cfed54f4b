// SPDX-License-Identifier: Apache-2.0
#include "lb/access/filter.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "basic/macros.h"
#include "lb/access/filter_rules.h"
#include "lb/access/hidden.h"

#define WITHHELD "\"withheld: the message quotes a hidden label\""

/* What may come next, between tokens. */
enum expect {
	EXPECT_VALUE,
	EXPECT_VALUE_OR_END, /* after '[' */
	EXPECT_NAME,
	EXPECT_NAME_OR_END, /* after '{' */
	EXPECT_COLON,
	EXPECT_COMMA_OR_END,
	EXPECT_NOTHING, /* after the answer */
};

/* Inside of a token. */
enum within { BETWEEN, IN_STRING, IN_ESCAPE, IN_DIGITS, IN_WORD };

struct level {
	bool object;
	bool started; /* something was written in it */
	enum filter_action action; /* on its members */
	filter_rules rules;
};

struct filter {
	const struct strings *hidden;
	filter_rules rules; /* of the value that comes next */
	enum expect expect;
	enum within within;
	unsigned digits_left; /* of \uXXXX */
	unsigned depth;
	struct level levels[FILTER_DEPTH_MAX];
	/* Nothing is written until the value at this depth has ended. */
	bool skipping, skip_next;
	unsigned skip_depth;
	bool holding; /* the string is not written before it is known */
	struct buffer held; /* without quotes */
	struct buffer decoded;
	char word[FILTER_WORD_MAX_BYTES];
	size_t word_len;
	bool any; /* a byte came that is no blank */
};

static bool is_json(struct slice type)
{
	struct slice rest = type, media;

	return slice_next(&rest, ';', &media) &&
		(media = slice_trim(media), media.n == strlen("application/json")) &&
		strncasecmp(media.p, "application/json", media.n) == 0;
}

enum filter_verdict filter_judge(int status, struct slice content_type)
{
	/* A part of an answer, which a cache may cut out, doesn't tell what its labels are. */
	if (status == 206)
		return FILTER_REFUSE;
	if (is_json(content_type))
		return FILTER_REWRITE;
	return status >= 200 && status < 300 && status != 204 ? FILTER_REFUSE : FILTER_PASS;
}

int filter_new(enum gate_filter kind, const struct strings *hidden, const char *label,
	struct filter **ret_filter)
{
	struct filter *f = calloc(1, sizeof(*f));

	if (!f)
		return -ENOMEM;
	f->hidden = hidden;
	f->rules = filter_rules_start(kind, hidden, label);
	buffer_init(&f->held, FILTER_HELD_MAX_BYTES);
	buffer_init(&f->decoded, FILTER_HELD_MAX_BYTES);
	*ret_filter = f;
	return 0;
}

void filter_free(struct filter *f)
{
	if (!f)
		return;
	buffer_done(&f->held);
	buffer_done(&f->decoded);
	free(f);
}

static struct level *top(struct filter *f)
{
	return f->depth ? &f->levels[f->depth - 1] : NULL;
}

static void put(const struct filter *f, struct buffer *out, const char *text, size_t n)
{
	if (!f->skipping)
		buffer_append(out, text, n);
}

/* The comma in front of a member or an element that is written. */
static void separate(struct filter *f, struct buffer *out)
{
	struct level *level = top(f);

	if (!level || f->skipping)
		return;
	if (level->started)
		buffer_putc(out, ',');
	level->started = true;
}

static void value_ended(struct filter *f)
{
	if (f->skipping && f->depth == f->skip_depth)
		f->skipping = false;
	f->expect = f->depth ? EXPECT_COMMA_OR_END : EXPECT_NOTHING;
}

/* The held text with its escapes taken back, which stays until the next one. */
static int decode_held(struct filter *f, struct slice *ret_text)
{
	buffer_clear(&f->decoded);
	buffer_append(&f->decoded, buffer_text(&f->held), f->held.len);
	if (buffer_error(&f->decoded))
		return buffer_error(&f->decoded);
	*ret_text = f->decoded.len ? filter_rules_decode(f->decoded.data, f->decoded.len)
				   : SLICE("");
	return 0;
}

static void put_held(const struct filter *f, struct buffer *out)
{
	put(f, out, "\"", 1);
	put(f, out, buffer_text(&f->held), f->held.len);
	put(f, out, "\"", 1);
}

/* A member's name: whether the member goes on, and what may be done below it. */
static int name_ended(struct filter *f, struct buffer *out)
{
	struct level *level = top(f);
	struct slice name;
	int r = decode_held(f, &name);

	if (r < 0)
		return r;
	f->expect = EXPECT_COLON;
	if (f->skipping)
		return 0;
	if (level->action == FILTER_LABELS)
		f->skip_next = hidden_has(f->hidden, name);
	else if (level->action == FILTER_DATA)
		f->skip_next = slice_eq(name, "data");
	f->rules = filter_rules_enter(level->rules, f->depth - 1, name);
	if (f->skip_next)
		return 0;
	separate(f, out);
	put_held(f, out);
	put(f, out, ":", 1);
	return 0;
}

/* A string that had to be seen whole: a label's name or a message. */
static int held_value_ended(struct filter *f, struct buffer *out)
{
	const struct level *level = top(f);
	struct slice text;
	int r = decode_held(f, &text);

	if (r < 0)
		return r;
	if (level && level->action == FILTER_NAMES) {
		if (!hidden_has(f->hidden, text)) {
			separate(f, out);
			put_held(f, out);
		}
	} else if (filter_rules_names_hidden(f->hidden, text)) {
		put(f, out, WITHHELD, strlen(WITHHELD));
	} else {
		put_held(f, out);
	}
	value_ended(f);
	return 0;
}

static int string_ended(struct filter *f, struct buffer *out)
{
	f->within = BETWEEN;
	if (f->expect == EXPECT_NAME || f->expect == EXPECT_NAME_OR_END)
		return name_ended(f, out);
	if (f->holding)
		return held_value_ended(f, out);
	put(f, out, "\"", 1);
	value_ended(f);
	return 0;
}

static void start_string(struct filter *f, bool hold, struct buffer *out)
{
	f->within = IN_STRING;
	f->holding = hold;
	buffer_clear(&f->held);
	if (!hold)
		put(f, out, "\"", 1);
}

/* What the rules say about the value that begins, and whether it has the form they expect. */
static int judge_value(const struct filter *f, char c, enum filter_action *ret_action)
{
	const enum filter_action action = filter_rules_action(f->rules, f->depth);
	const struct level *level = f->depth ? &f->levels[f->depth - 1] : NULL;

	*ret_action = action;
	if (level && level->action == FILTER_NAMES)
		return c == '"' ? 0 : -EBADMSG;
	switch (action) {
	case FILTER_LABELS:
	case FILTER_DATA:
		return c == '{' || c == 'n' ? 0 : -EBADMSG;
	case FILTER_NAMES:
	case FILTER_MESSAGES:
		return c == '[' || c == 'n' ? 0 : -EBADMSG;
	case FILTER_MESSAGE:
		return c == '"' || c == 'n' ? 0 : -EBADMSG;
	case FILTER_KEEP:
		break;
	}
	if (level && level->action == FILTER_MESSAGES)
		return c == '"' ? 0 : -EBADMSG;
	/* The answer itself. */
	return f->depth || c == '{' ? 0 : -EBADMSG;
}

static int open_level(struct filter *f, char c, enum filter_action action, struct buffer *out)
{
	if (f->depth == FILTER_DEPTH_MAX)
		return -E2BIG;
	put(f, out, &c, 1);
	f->levels[f->depth++] = (struct level){
		.object = c == '{',
		.action = f->skipping ? FILTER_KEEP : action,
		.rules = f->skipping ? 0 : f->rules,
	};
	f->expect = c == '{' ? EXPECT_NAME_OR_END : EXPECT_VALUE_OR_END;
	return 0;
}

static int start_value(struct filter *f, char c, struct buffer *out)
{
	struct level *level = top(f);
	enum filter_action action;
	bool hold;
	int r;

	if (f->skip_next) {
		f->skip_next = false;
		f->skipping = true;
		f->skip_depth = f->depth;
	}
	if (f->skipping)
		f->rules = 0;
	else if (level && !level->object)
		f->rules = filter_rules_enter(
			level->rules, f->depth - 1, (struct slice){ NULL, 0 });
	r = f->skipping ? 0 : judge_value(f, c, &action);
	if (r < 0)
		return r;
	if (f->skipping)
		action = FILTER_KEEP;
	hold = !f->skipping && c == '"' &&
		(action == FILTER_MESSAGE ||
			(level &&
				(level->action == FILTER_MESSAGES ||
					level->action == FILTER_NAMES)));
	if (level && !level->object && level->action != FILTER_NAMES)
		separate(f, out);
	if (c == '"') {
		start_string(f, hold, out);
		return 0;
	}
	if (c == '{' || c == '[')
		return open_level(f, c, action, out);
	f->within = IN_WORD;
	f->word_len = 0;
	return 1; /* the byte belongs to the word */
}

static int close_level(struct filter *f, char c, struct buffer *out)
{
	const struct level *level = top(f);

	if (!level || level->object != (c == '}'))
		return -EBADMSG;
	put(f, out, &c, 1);
	f->depth--;
	value_ended(f);
	return 0;
}

/* 0: the byte was taken; 1: it is to be looked at again. */
static int between(struct filter *f, char c, struct buffer *out)
{
	const bool closes = c == '}' || c == ']';

	switch (f->expect) {
	case EXPECT_VALUE_OR_END:
		if (closes)
			return close_level(f, c, out);
		return start_value(f, c, out);
	case EXPECT_VALUE:
		return start_value(f, c, out);
	case EXPECT_NAME_OR_END:
		if (closes)
			return close_level(f, c, out);
		/* fall through */
	case EXPECT_NAME:
		if (c != '"')
			return -EBADMSG;
		start_string(f, true, out);
		return 0;
	case EXPECT_COLON:
		f->expect = EXPECT_VALUE;
		return c == ':' ? 0 : -EBADMSG;
	case EXPECT_COMMA_OR_END:
		if (closes)
			return close_level(f, c, out);
		f->expect = top(f)->object ? EXPECT_NAME : EXPECT_VALUE;
		return c == ',' ? 0 : -EBADMSG;
	case EXPECT_NOTHING:
		break;
	}
	return -EBADMSG;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static size_t digits(const char *text, size_t n, size_t from)
{
	size_t i = from;

	while (i < n && is_digit(text[i]))
		i++;
	return i - from;
}

/* RFC 8259 6 */
static bool is_number(const char *text, size_t n)
{
	size_t i = n && text[0] == '-', whole = digits(text, n, i), more;

	if (!whole || (whole > 1 && text[i] == '0'))
		return false;
	i += whole;
	if (i < n && text[i] == '.') {
		more = digits(text, n, ++i);
		if (!more)
			return false;
		i += more;
	}
	if (i < n && (text[i] | 0x20) == 'e') {
		i++;
		i += i < n && (text[i] == '+' || text[i] == '-');
		more = digits(text, n, i);
		if (!more)
			return false;
		i += more;
	}
	return i == n;
}

static int word_ended(struct filter *f, struct buffer *out)
{
	static const char *const words[] = { "true", "false", "null" };
	const struct slice word = { f->word, f->word_len };
	bool known = is_number(f->word, f->word_len);

	for (size_t i = 0; i < ARRAY_SIZE(words); i++)
		known = known || slice_eq(word, words[i]);
	if (!known)
		return -EBADMSG;
	put(f, out, f->word, f->word_len);
	f->within = BETWEEN;
	value_ended(f);
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

/* 0: taken; 1: it ends the word and is to be looked at again. */
static int in_word(struct filter *f, char c, struct buffer *out)
{
	if (is_blank(c) || c == ',' || c == '}' || c == ']') {
		int r = word_ended(f, out);

		return r < 0 ? r : 1;
	}
	if (f->word_len == sizeof(f->word))
		return -E2BIG;
	f->word[f->word_len++] = c;
	return 0;
}

static void take(struct filter *f, const char *text, size_t n, struct buffer *out)
{
	if (f->holding)
		buffer_append(&f->held, text, n);
	else
		put(f, out, text, n);
}

/* One byte of an escape. */
static int in_escape(struct filter *f, char c, struct buffer *out)
{
	if (f->within == IN_DIGITS) {
		const char lower = (char)(c | 0x20);

		if (!is_digit(c) && !(lower >= 'a' && lower <= 'f'))
			return -EBADMSG;
		if (!--f->digits_left)
			f->within = IN_STRING;
	} else if (c == 'u') {
		f->within = IN_DIGITS;
		f->digits_left = 4;
	} else {
		if (!c || !strchr("\"\\/bfnrt", c))
			return -EBADMSG;
		f->within = IN_STRING;
	}
	take(f, &c, 1, out);
	return 0;
}

/* How much of a string goes by in one piece: all up to a quote, a backslash or a control byte. */
static size_t run_length(struct slice text)
{
	size_t n = 0;

	while (n < text.n && text.p[n] != '"' && text.p[n] != '\\' &&
		(unsigned char)text.p[n] >= ' ')
		n++;
	return n;
}

/* Takes some of the text; *ret_taken says how much. */
static int in_string(struct filter *f, struct slice text, size_t *ret_taken, struct buffer *out)
{
	const size_t run = run_length(text);

	take(f, text.p, run, out);
	*ret_taken = run;
	if (run == text.n)
		return buffer_error(&f->held);
	*ret_taken = run + 1;
	if (text.p[run] == '"')
		return buffer_error(&f->held) ? buffer_error(&f->held) : string_ended(f, out);
	if (text.p[run] != '\\')
		return -EBADMSG;
	take(f, "\\", 1, out);
	f->within = IN_ESCAPE;
	return 0;
}

/* Takes at least one byte, or has changed what it is within. */
static int step(struct filter *f, struct slice text, size_t *ret_taken, struct buffer *out)
{
	int r = 0;

	*ret_taken = 1;
	switch (f->within) {
	case IN_STRING:
		return in_string(f, text, ret_taken, out);
	case IN_ESCAPE:
	case IN_DIGITS:
		return in_escape(f, *text.p, out);
	case IN_WORD:
		r = in_word(f, *text.p, out);
		break;
	case BETWEEN:
		if (is_blank(*text.p))
			return 0;
		f->any = true;
		r = between(f, *text.p, out);
		break;
	}
	if (r == 1)
		*ret_taken = 0;
	return r < 0 ? r : 0;
}

int filter_feed(struct filter *f, struct slice piece, bool last, struct buffer *out)
{
	while (piece.n) {
		size_t taken;
		int r = step(f, piece, &taken, out);

		if (r < 0)
			return r;
		piece.p += taken;
		piece.n -= taken;
	}
	if (buffer_error(out))
		return buffer_error(out);
	if (last && f->any && (f->expect != EXPECT_NOTHING || f->within != BETWEEN))
		return -EBADMSG;
	return 0;
}
