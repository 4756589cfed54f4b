# SPDX-License-Identifier: Apache-2.0
"""The tokens of PromQL (Prometheus 3.16): see promql_grammar.py."""
import math
import re

NOT_A_METRIC = {"on", "ignoring", "group_left", "group_right", "bool", "atan2", "inf", "nan"}
NOT_A_LABEL = {"without", "inf", "nan"}
WITH_PARAMETER = {"topk", "bottomk", "quantile", "limitk", "limit_ratio", "count_values"}
AGGREGATIONS = {"sum", "avg", "count", "min", "max", "group", "stddev", "stdvar"} | WITH_PARAMETER
DURATION_WORDS = {"step", "range", "max_of", "min_of"}
KEYWORDS = AGGREGATIONS | NOT_A_METRIC | DURATION_WORDS | {
    "and", "or", "unless", "offset", "by", "without", "start", "end", "anchored", "smoothed", "fill", "fill_left",
    "fill_right"}
UNITS = {"y": 365 * 86400, "w": 7 * 86400, "d": 86400, "h": 3600, "m": 60, "s": 1, "ms": 0.001}


class Refused(Exception):
    pass


class Lexer:
    """Tokens as (kind, value, keyword): a symbol is its own kind."""
    WORD = re.compile(rb"[A-Za-z_:][A-Za-z0-9_:]*")
    LABEL = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")
    DURATION = re.compile(rb"".join(rb"(?:([0-9]+)%s)?" % (b"m(?!s)" if u == "m" else u.encode()) for u in UNITS))
    HEX = re.compile(rb"0[xX]_?[0-9A-Fa-f]+(?:_[0-9A-Fa-f]+)*")
    DIGITS = rb"[0-9]+(?:_[0-9]+)*"
    DECIMAL = re.compile(rb"(?:(%s)(\.(?:%s)?)?|\.%s)([eE][+-]?%s)?" % ((DIGITS,) * 4))
    SYMBOLS = [b"</", b">/", b"==", b"!=", b"<=", b">="] + [bytes([c]) for c in b"<>+-*/%^@(){[],="]
    IN_BRACES = [b"=~", b"!=", b"!~", b"=", b",", b"}"]
    ESCAPES = {b"a": b"\a", b"b": b"\b", b"f": b"\f", b"n": b"\n", b"r": b"\r", b"t": b"\t", b"v": b"\v", b"\\": b"\\"}

    def __init__(self, text):
        self.text, self.at, self.tokens = text, 0, []
        self.braces = self.brackets = False
        self.number_seen = self.word_seen = self.colon_seen = False  # in these brackets
        self.parentheses = 0

    def push(self, kind, value, end, keyword=None):
        self.tokens.append((kind, value, keyword))
        self.at = end

    def skip_blanks(self):
        comments = self.braces or not self.brackets or self.number_seen
        blanks = re.compile(rb"(?:[ \t\r\n]|#[^\r\n]*)*" if comments else rb"[ \t\r\n]*")
        self.at = blanks.match(self.text, self.at).end()

    def ends(self, end, more=b""):
        """No letter, digit, '_' or one of more follows."""
        if re.compile(rb"[A-Za-z0-9_%s]" % more).match(self.text, end):
            raise Refused("a literal that does not end")

    def number(self):
        self.number_seen = self.word_seen = True
        m = self.DURATION.match(self.text, self.at)
        if m.end() > self.at and not re.compile(rb"[A-Za-z0-9_]").match(self.text, m.end()):
            ns = sum(int(n) * round(u * 10**9) for n, u in zip(m.groups(), UNITS.values()) if n)
            if ns >= 2**63:
                raise Refused("a duration too long")
            return self.push("duration", ns, m.end())
        m = self.HEX.match(self.text, self.at)
        if m:
            digits = m.group()[2:].replace(b"_", b"")
            self.ends(m.end(), b".")
            if digits[1:2] in (b"e", b"E") or int(digits, 16) >= 2**63:
                raise Refused("hexadecimal")
            return self.push("number", float(int(digits, 16)), m.end())
        m = self.DECIMAL.match(self.text, self.at)
        self.ends(m.end(), b".")
        text = m.group().replace(b"_", b"")
        value = float(text)
        if len(m.group()) > 1 and re.fullmatch(rb"0[0-7]*", text) and int(text, 8) < 2**63:
            value = float(int(text, 8))
        if math.isinf(value):
            raise Refused("a number too large")
        return self.push("number", value, m.end())

    def unescape(self, raw, quote):
        out, i = b"", 0
        while i < len(raw):
            if raw[i:i + 1] != b"\\":
                out += raw[i:i + 1]
                i += 1
                continue
            m = re.compile(rb"\\(?:([0-7]{3})|x([0-9A-Fa-f]{2})|u([0-9A-Fa-f]{4})|U([0-9A-Fa-f]{8})|(.))", re.S).match(raw, i)
            octal, byte, short, long, letter = m.groups()
            if octal or byte:
                value = int(octal, 8) if octal else int(byte, 16)
                out += bytes([value]) if value < 256 else self.refuse_escape()
            elif short or long:
                value = int(short or long, 16)
                good = value <= 0x10ffff and not 0xd800 <= value <= 0xdfff
                out += chr(value).encode() if good else self.refuse_escape()
            else:
                out += self.ESCAPES.get(letter) or (letter if letter == quote else self.refuse_escape())
            i = m.end()
        return out

    @staticmethod
    def refuse_escape():
        raise Refused("an escape")

    def string(self):
        quote = self.text[self.at:self.at + 1]
        body = rb"`([^`]*)`" if quote == b"`" else rb"%s((?:[^%s\\\n]|\\[^\n])*)%s" % (quote, quote, quote)
        m = re.compile(body, re.S).match(self.text, self.at)
        if not m:
            raise Refused("a string without its end")
        try:
            if "\ufffd" in m.group(1).decode():
                raise Refused("the replacement character")
            value = m.group(1) if quote == b"`" else self.unescape(m.group(1), quote)
            value.decode()
        except UnicodeDecodeError:
            raise Refused("no UTF-8") from None
        self.push("string", value, m.end())

    def symbol(self, symbols):
        s = next((s for s in symbols if self.text.startswith(s, self.at)), None)
        if s is None:
            raise Refused("a character")
        if self.brackets and (s in b"{[" or not self.number_seen and s not in b"()+-*/%^,]"):
            raise Refused("in brackets")
        self.parentheses += {b"(": 1, b")": -1}.get(s, 0)
        if self.parentheses < 0 or s == b"]" and not self.brackets:
            raise Refused("not opened")
        if s in b"{}":
            self.braces = s == b"{"
        if s in b"[]":
            self.brackets = s == b"["
            self.number_seen = self.word_seen = self.colon_seen = False
        self.push(s.decode(), s, self.at + len(s))

    def word(self, m):
        lower = m.group().lower().decode()
        if self.brackets:
            self.word_seen = True
            if lower not in DURATION_WORDS:
                raise Refused("a name in brackets")
        if b":" in m.group():
            return self.push("metric", m.group(), m.end())
        if lower in ("inf", "nan"):
            return self.push("number", float(lower), m.end())
        keyword = lower if lower in KEYWORDS else None
        if lower.startswith("fill") and not re.compile(rb"[ \t\r\n]*\(").match(self.text, m.end()):
            keyword = None
        return self.push("word", m.group(), m.end(), keyword)

    def one(self):
        c = self.text[self.at:self.at + 1]
        m = (self.LABEL if self.braces or self.brackets else self.WORD).match(self.text, self.at)
        if c in b"\"'`" and (self.braces or not self.brackets or self.number_seen):
            self.string()
        elif self.braces:
            if m:
                self.push("label", m.group(), m.end())
            else:
                self.symbol(self.IN_BRACES)
        elif re.compile(rb"\.?[0-9]").match(self.text, self.at):
            self.number()
        elif self.brackets and c == b":":
            if not self.word_seen or self.colon_seen:
                raise Refused("a colon")
            self.colon_seen = True
            self.push(":", c, self.at + 1)
        elif m:
            self.word(m)
        else:
            self.symbol(self.SYMBOLS)

    def run(self):
        self.skip_blanks()
        while self.at < len(self.text):
            self.one()
            self.skip_blanks()
        if self.braces or self.brackets or self.parentheses:
            raise Refused("not closed")
        return self.tokens + [("END", b"", None)]
