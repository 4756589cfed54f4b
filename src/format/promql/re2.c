// SPDX-License-Identifier: Apache-2.0
#include "format/promql/re2.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

#include "basic/macros.h"

#define RE2_UNLIMITED UINT_MAX

struct re2 {
	const char *p, *end;
	const char *reason;
	unsigned depth;
};

/* What a part of a pattern can do. */
struct part {
	bool empty; /* it matches the empty string */
	bool follows; /* characters of the same quotation come before it */
	unsigned repeats; /* the product of its nested counted repeats; at least 1 */
};

static const struct part nothing = { true, false, 1 };

static int alternatives(struct re2 *re, struct part *ret);

static int bad(struct re2 *re, const char *reason)
{
	re->reason = reason;
	return -EBADMSG;
}

static bool more(const struct re2 *re)
{
	return re->p < re->end;
}

static bool is(const struct re2 *re, char c)
{
	return more(re) && *re->p == c;
}

static bool take(struct re2 *re, char c)
{
	if (!is(re, c))
		return false;
	re->p++;
	return true;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static bool is_letter(char c)
{
	return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}

static int hex(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* After "\x": two digits, or any number of them in braces. */
static int hex_escape(struct re2 *re, uint32_t *ret_code)
{
	const bool braces = take(re, '{');
	uint32_t code = 0;
	unsigned n = 0;

	while (more(re) && hex(*re->p) >= 0 && (braces || n < 2)) {
		code = code * 16 + (unsigned)hex(*re->p++);
		n++;
		if (code > 0x10ffff)
			return bad(re, "invalid escape sequence");
	}
	if ((braces && (!n || !take(re, '}'))) || (!braces && n < 2))
		return bad(re, "invalid escape sequence");
	*ret_code = code;
	return 0;
}

/* Octal: "\123", "\0" with up to two more, but not "\1" alone, which would be a back reference. */
static int octal_escape(struct re2 *re, uint32_t *ret_code)
{
	uint32_t code = 0;
	unsigned n = 0;

	if (*re->p != '0' && (re->end - re->p < 2 || re->p[1] < '0' || re->p[1] > '7'))
		return bad(re, "invalid escape sequence");
	while (more(re) && *re->p >= '0' && *re->p <= '7' && n++ < 3)
		code = code * 8 + (unsigned)(*re->p++ - '0');
	*ret_code = code;
	return 0;
}

/* A character, after the backslash. */
static int escaped_char(struct re2 *re, uint32_t *ret_code)
{
	static const char names[] = "afnrtv", values[] = "\a\f\n\r\t\v";
	const char *at;

	if (!more(re))
		return bad(re, "trailing backslash");
	if (*re->p >= '0' && *re->p <= '7')
		return octal_escape(re, ret_code);
	if (take(re, 'x'))
		return hex_escape(re, ret_code);
	at = strchr(names, *re->p);
	if (at && *re->p) {
		re->p++;
		*ret_code = (unsigned char)values[at - names];
		return 0;
	}
	/* Anything else in ASCII stands for itself. */
	if ((unsigned char)*re->p >= 0x80 || is_letter(*re->p) || is_digit(*re->p))
		return bad(re, "invalid escape sequence");
	*ret_code = (unsigned char)*re->p++;
	return 0;
}

static int one_char(struct re2 *re, uint32_t *ret_code)
{
	size_t n = str_utf8_next(re->p, (size_t)(re->end - re->p), ret_code);

	if (!n)
		return bad(re, "invalid UTF-8");
	re->p += n;
	return 0;
}

/* Names of Unicode's general categories and of its scripts (Unicode 15). */
static const char *const unicode_names[] = { "Any", "C", "Cc", "Cf", "Co", "Cs", "L", "Ll", "Lm",
	"Lo", "Lt", "Lu", "M", "Mc", "Me", "Mn", "N", "Nd", "Nl", "No", "P", "Pc", "Pd", "Pe", "Pf",
	"Pi", "Po", "Ps", "S", "Sc", "Sk", "Sm", "So", "Z", "Zl", "Zp", "Zs", "Adlam", "Ahom",
	"Anatolian_Hieroglyphs", "Arabic", "Armenian", "Avestan", "Balinese", "Bamum", "Bassa_Vah",
	"Batak", "Bengali", "Bhaiksuki", "Bopomofo", "Brahmi", "Braille", "Buginese", "Buhid",
	"Canadian_Aboriginal", "Carian", "Caucasian_Albanian", "Chakma", "Cham", "Cherokee",
	"Chorasmian", "Common", "Coptic", "Cuneiform", "Cypriot", "Cypro_Minoan", "Cyrillic",
	"Deseret", "Devanagari", "Dives_Akuru", "Dogra", "Duployan", "Egyptian_Hieroglyphs",
	"Elbasan", "Elymaic", "Ethiopic", "Georgian", "Glagolitic", "Gothic", "Grantha", "Greek",
	"Gujarati", "Gunjala_Gondi", "Gurmukhi", "Han", "Hangul", "Hanifi_Rohingya", "Hanunoo",
	"Hatran", "Hebrew", "Hiragana", "Imperial_Aramaic", "Inherited", "Inscriptional_Pahlavi",
	"Inscriptional_Parthian", "Javanese", "Kaithi", "Kannada", "Katakana", "Kawi", "Kayah_Li",
	"Kharoshthi", "Khitan_Small_Script", "Khmer", "Khojki", "Khudawadi", "Lao", "Latin",
	"Lepcha", "Limbu", "Linear_A", "Linear_B", "Lisu", "Lycian", "Lydian", "Mahajani",
	"Makasar", "Malayalam", "Mandaic", "Manichaean", "Marchen", "Masaram_Gondi", "Medefaidrin",
	"Meetei_Mayek", "Mende_Kikakui", "Meroitic_Cursive", "Meroitic_Hieroglyphs", "Miao", "Modi",
	"Mongolian", "Mro", "Multani", "Myanmar", "Nabataean", "Nag_Mundari", "Nandinagari",
	"New_Tai_Lue", "Newa", "Nko", "Nushu", "Nyiakeng_Puachue_Hmong", "Ogham", "Ol_Chiki",
	"Old_Hungarian", "Old_Italic", "Old_North_Arabian", "Old_Permic", "Old_Persian",
	"Old_Sogdian", "Old_South_Arabian", "Old_Turkic", "Old_Uyghur", "Oriya", "Osage", "Osmanya",
	"Pahawh_Hmong", "Palmyrene", "Pau_Cin_Hau", "Phags_Pa", "Phoenician", "Psalter_Pahlavi",
	"Rejang", "Runic", "Samaritan", "Saurashtra", "Sharada", "Shavian", "Siddham",
	"SignWriting", "Sinhala", "Sogdian", "Sora_Sompeng", "Soyombo", "Sundanese", "Syloti_Nagri",
	"Syriac", "Tagalog", "Tagbanwa", "Tai_Le", "Tai_Tham", "Tai_Viet", "Takri", "Tamil",
	"Tangsa", "Tangut", "Telugu", "Thaana", "Thai", "Tibetan", "Tifinagh", "Tirhuta", "Toto",
	"Ugaritic", "Vai", "Vithkuqi", "Wancho", "Warang_Citi", "Yezidi", "Yi",
	"Zanabazar_Square" };

/* After "\p" or "\P". */
static int unicode_class(struct re2 *re)
{
	struct slice name = { re->p, 1 };

	if (!more(re))
		return bad(re, "invalid character class range");
	if (take(re, '{')) {
		const char *close = memchr(re->p, '}', (size_t)(re->end - re->p));

		if (!close)
			return bad(re, "invalid character class range");
		name = (struct slice){ re->p, (size_t)(close - re->p) };
		if (name.n && name.p[0] == '^') {
			name.p++;
			name.n--;
		}
		re->p = close + 1;
	} else {
		re->p++;
	}
	for (size_t i = 0; i < ARRAY_SIZE(unicode_names); i++)
		if (slice_eq(name, unicode_names[i]))
			return 0;
	return bad(re, "invalid character class range");
}

/* A class that a backslash begins, as in "\d": 1; 0: none begins here. */
static int class_escape(struct re2 *re)
{
	if (re->end - re->p < 2 || re->p[0] != '\\')
		return 0;
	if (strchr("dDsSwW", re->p[1]) && re->p[1]) {
		re->p += 2;
		return 1;
	}
	if (re->p[1] == 'p' || re->p[1] == 'P') {
		int r;

		re->p += 2;
		r = unicode_class(re);
		return r < 0 ? r : 1;
	}
	return 0;
}

/* "[:alpha:]" within brackets: 1; 0: none begins here. */
static int named_class(struct re2 *re)
{
	static const char *const names[] = { "alnum", "alpha", "ascii", "blank", "cntrl", "digit",
		"graph", "lower", "print", "punct", "space", "upper", "word", "xdigit" };
	const size_t left = (size_t)(re->end - re->p);
	const char *close;
	struct slice name;

	if (left < 2 || re->p[0] != '[' || re->p[1] != ':')
		return 0;
	close = memmem(re->p + 2, left - 2, ":]", 2);
	if (!close)
		return 0;
	name = (struct slice){ re->p + 2, (size_t)(close - re->p - 2) };
	if (name.n && name.p[0] == '^') {
		name.p++;
		name.n--;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		if (slice_eq(name, names[i])) {
			re->p = close + 2;
			return 1;
		}
	}
	return bad(re, "invalid character class range");
}

static int class_char(struct re2 *re, uint32_t *ret_code)
{
	if (!more(re))
		return bad(re, "missing closing ]");
	return take(re, '\\') ? escaped_char(re, ret_code) : one_char(re, ret_code);
}

/* After "[". */
static int bracket_class(struct re2 *re)
{
	take(re, '^');
	for (bool first = true; first || !is(re, ']'); first = false) {
		uint32_t low = 0, high;
		int r;

		if (!more(re))
			return bad(re, "missing closing ]");
		r = named_class(re);
		if (r == 0)
			r = class_escape(re);
		if (r < 0)
			return r;
		if (r > 0)
			continue;
		r = class_char(re, &low);
		if (r < 0)
			return r;
		if (re->end - re->p >= 2 && re->p[0] == '-' && re->p[1] != ']') {
			re->p++;
			r = class_char(re, &high);
			if (r < 0)
				return r;
			if (high < low)
				return bad(re, "invalid character class range");
		}
	}
	re->p++;
	return 0;
}

/* After "(?P<" or "(?<". Several groups may have the same name. */
static int group_name(struct re2 *re)
{
	const char *start = re->p;

	while (more(re) && (is_letter(*re->p) || is_digit(*re->p) || *re->p == '_'))
		re->p++;
	return re->p > start && take(re, '>') ? 0 : bad(re, "invalid named capture");
}

/* After "(?": flags, then ")" or ":" and a group; 1: it was flags alone. */
static int group_flags(struct re2 *re)
{
	bool negated = false, any = false;

	for (; more(re); re->p++) {
		if (strchr("imsU", *re->p) && *re->p) {
			any = true;
		} else if (*re->p == '-' && !negated) {
			negated = true;
			any = false;
		} else {
			break;
		}
	}
	if (negated && !any)
		return bad(re, "invalid or unsupported Perl syntax");
	if (take(re, ')'))
		return 1;
	return take(re, ':') ? 0 : bad(re, "invalid or unsupported Perl syntax");
}

/* After "(": what the parentheses hold. 1: no part. */
static int group(struct re2 *re, struct part *ret)
{
	int r = 0;

	if (take(re, '?')) {
		if (take(re, 'P'))
			r = take(re, '<') ? group_name(re) : bad(re, "invalid named capture");
		else if (take(re, '<'))
			r = group_name(re);
		else
			r = group_flags(re);
	}
	if (r)
		return r;
	r = alternatives(re, ret);
	if (r >= 0 && !take(re, ')'))
		r = bad(re, "missing closing )");
	return r;
}

/*
 * "\Q...\E": characters as they stand, of which the last one can be repeated. 1: no part. Without
 * its end it would reach beyond the pattern, which is put into a group.
 */
static int quoted(struct re2 *re, struct part *ret)
{
	const char *end = memmem(re->p, (size_t)(re->end - re->p), "\\E", 2);
	uint32_t code;
	size_t n = 0;

	if (!end)
		return bad(re, "missing closing )");
	for (; re->p < end; n++)
		if (one_char(re, &code) < 0)
			return -EBADMSG;
	re->p = end + 2;
	*ret = (struct part){ false, n > 1, 1 };
	return n == 0;
}

/* A backslash and what follows. 1: no part. */
static int escape(struct re2 *re, struct part *ret)
{
	const char c = re->end - re->p > 1 ? re->p[1] : '\0';
	uint32_t code;
	int r;

	if (c && strchr("AzbB", c)) {
		re->p += 2;
		ret->empty = c != 'b';
		return 0;
	}
	if (c == 'Q') {
		re->p += 2;
		return quoted(re, ret);
	}
	r = class_escape(re);
	if (r != 0)
		return r < 0 ? r : 0;
	re->p++;
	return escaped_char(re, &code);
}

/*
 * "{n}", "{n,}" (ret_max: RE2_UNLIMITED), "{n,m}": 1, with what it says; 0: a brace that is just a
 * character.
 */
static int counted(struct re2 *re, unsigned *ret_min, unsigned *ret_max)
{
	const char *p = re->p + 1;
	unsigned v[2] = { 0, 0 }, n = 0;
	bool comma = false, second = false;

	for (; p < re->end && (is_digit(*p) || (*p == ',' && !comma)); p++) {
		if (*p == ',') {
			comma = true;
			continue;
		}
		v[comma] = MIN(v[comma] * 10 + (unsigned)(*p - '0'), RE2_REPEAT_MAX + 1U);
		n += !comma;
		second |= comma;
		/* "007" is no number here. */
		if (p[-1] == '0' && (p - 1 == re->p + 1 || p[-2] == ',' || p[-2] == '{'))
			return 0;
	}
	if (!n || p == re->end || *p != '}')
		return 0;
	re->p = p + 1;
	*ret_min = v[0];
	*ret_max = second ? v[1] : comma ? RE2_UNLIMITED : v[0];
	if (v[0] > RE2_REPEAT_MAX || v[1] > RE2_REPEAT_MAX || (second && v[1] < v[0]))
		return bad(re, "invalid repeat count");
	return 1;
}

static int atom(struct re2 *re, struct part *ret)
{
	unsigned min, max;
	uint32_t code;

	*ret = (struct part){ false, false, 1 };
	switch (*re->p) {
	case '(':
		re->p++;
		return group(re, ret);
	case '[':
		re->p++;
		return bracket_class(re);
	case '^':
	case '$':
		re->p++;
		ret->empty = true;
		return 0;
	case '.':
		re->p++;
		return 0;
	case '\\':
		return escape(re, ret);
	case '*':
	case '+':
	case '?':
		return bad(re, "missing argument to repetition operator");
	case '{':
		if (counted(re, &min, &max) != 0)
			return bad(re, "missing argument to repetition operator");
		return one_char(re, &code);
	default:
		return one_char(re, &code);
	}
}

static int counted_repetition(struct re2 *re, struct part *part)
{
	unsigned min, max;
	int r = counted(re, &min, &max);

	if (r <= 0)
		return r;
	part->empty |= min == 0;
	if (max == 0)
		part->repeats = 1;
	else
		part->repeats *= MAX(max == RE2_UNLIMITED ? min : max, 1);
	return part->repeats > RE2_REPEAT_MAX ? bad(re, "invalid repeat count") : 1;
}

/* "*", "+", "?" or a count: 1; 0: none. */
static int repetition(struct re2 *re, struct part *part)
{
	if (is(re, '{')) {
		int r = counted_repetition(re, part);

		if (r <= 0)
			return r;
	} else if (is(re, '*') || is(re, '?')) {
		re->p++;
		part->empty = true;
	} else if (!take(re, '+')) {
		return 0;
	}
	take(re, '?'); /* as few as possible */
	return 1;
}

static void add(struct part *sum, const struct part *part)
{
	sum->empty &= part->empty && !part->follows;
	sum->repeats = MAX(sum->repeats, part->repeats);
}

static int concatenation(struct re2 *re, struct part *ret)
{
	struct part last = nothing; /* what a repetition is of, also behind flags */
	bool any = false;

	*ret = nothing;
	while (more(re) && *re->p != '|' && *re->p != ')') {
		struct part part, again = nothing;
		int r = atom(re, &part);

		if (r < 0)
			return r;
		if (r == 0) {
			add(ret, &last);
			last = part;
			any = true;
		}
		r = repetition(re, &last);
		if (r > 0 && !any)
			return bad(re, "missing argument to repetition operator");
		if (r > 0 && repetition(re, &again) != 0)
			return bad(re, "invalid nested repetition operator");
		if (r < 0)
			return r;
	}
	add(ret, &last);
	return 0;
}

static int alternatives(struct re2 *re, struct part *ret)
{
	int r = 0;

	if (++re->depth > RE2_DEPTH_MAX)
		return bad(re, "expression nests too deeply");
	*ret = (struct part){ false, false, 1 };
	do {
		struct part part;

		r = concatenation(re, &part);
		if (r < 0)
			return r;
		ret->empty |= part.empty;
		ret->repeats = MAX(ret->repeats, part.repeats);
	} while (take(re, '|'));
	re->depth--;
	return 0;
}

int re2_check(struct slice pattern, bool *ret_matches_empty, const char **ret_reason)
{
	struct re2 re = { .p = pattern.p, .end = pattern.p + pattern.n };
	struct part whole = nothing;
	int r = 0;

	if (pattern.n > RE2_PATTERN_MAX)
		r = bad(&re, "the pattern is too long");
	if (r >= 0)
		r = alternatives(&re, &whole);
	if (r >= 0 && more(&re))
		r = bad(&re, "unexpected )");
	if (r < 0) {
		if (ret_reason)
			*ret_reason = re.reason;
		return r;
	}
	if (ret_matches_empty)
		*ret_matches_empty = whole.empty;
	return 0;
}
