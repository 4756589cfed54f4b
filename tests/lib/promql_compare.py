#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our PromQL front end with a real Prometheus 2.42:

    promql_compare.py URL PROMQL_FORMAT N [SEED [DIR...]]

Makes N queries and asks both. Without DIR they are generated from the grammar, half of them broken
a little; with folders (a fuzzer's corpus) they are the files in these and what mutations and splices
make of them. What Prometheus accepts, rejects and how it formats our canonical text must agree with
ours, but for forms that we refuse on purpose, also as match[] takes them; and our newest language must read what both know in
the same way.
"""
import http.client
import json
import os
import random
import re
import resource
import subprocess
import sys
import time
import urllib.parse

WORDS = ("and or unless atan2 sum avg count min max group stddev topk bottomk count_values quantile "
         "offset by without on ignoring group_left group_right bool start end inf nan m cpu_watts "
         "a:b :x up rate limitk step fill anchored").split()
V1 = ("abs ceil exp floor sort sqrt timestamp absent hour histogram_count round sgn").split()
M1 = ("rate increase delta irate changes avg_over_time max_over_time last_over_time "
      "absent_over_time").split()
STRINGS = ['"x"', "'it'", '`raw\\`', '"\\n\\x41\\u00e9"', '""', '"a|b"', '".*"', '"7001|"', '"("',
           '"\\d"', '"a\\\\.b"', '"[a-z]+"', '"(?i)x"', '"x{2}"', '"a**"']
BREAKS = list("(){}[],=<>!~+-*/%^@:\"'`#. \t\n09mse_") + ["offset ", "by", "bool ", "0x1f", "1e", "5m"]


class Generator:
    def __init__(self, seed):
        self.r = random.Random(seed)

    def pick(self, *options):
        return self.r.choice(options)

    def ws(self):
        return self.pick("", "", " ", " ", "\n", " # note\n")

    def number(self):
        return self.pick("0", "1", "2.5", ".5", "1.", "1e3", "1E-2", "017", "08", "0x1F", "0x3", "Inf",
                         "nan", "123456789", "1e21", "0.000001")

    def duration(self):
        return self.pick("5m", "1h30m", "1d", "90s", "1w2d", "100ms", "1y", "1m1h", "0s", "5", "1.5h")

    def label(self):
        return self.pick("a", "uuid", "job", "le", "__name__", "by", "on", "without", "inf", "bool", "_x9")

    def matcher(self):
        return (self.label() + self.ws() + self.pick("=", "=", "=~", "!=", "!~") + self.ws() +
                self.r.choice(STRINGS))

    def selector(self):
        name = self.r.choice(WORDS)
        k = self.r.randrange(6)
        if k < 2:
            return name
        body = ",".join(self.ws() + self.matcher() for _ in range(self.r.randrange(3)))
        body += self.pick("", "", "", ",")
        return (name if k < 5 else "") + self.ws() + "{" + body + self.ws() + "}"

    def modifiers(self):
        parts = []
        if self.r.random() < 0.2:
            parts.append("offset " + self.pick("", "-", "- ") + self.duration())
        if self.r.random() < 0.2:
            parts.append("@ " + self.pick("10", "-1.5", "start()", "end( )", "1e3", "start"))
        self.r.shuffle(parts)
        return "".join(" " + p for p in parts)

    def vector(self, depth):
        k = self.r.randrange(12)
        if depth <= 0 or k < 3:
            return self.selector() + self.modifiers()
        if k < 5:
            return self.r.choice(V1) + "(" + self.expr(depth - 1) + ")"
        if k < 7:
            return self.r.choice(M1) + self.ws() + "(" + self.matrix(depth - 1) + ")"
        if k < 9:
            op = self.pick("sum", "avg", "count", "Max", "group")
            by = self.pick("by", "without", "BY") + self.ws() + "(" + self.labels() + ")"
            arg = "(" + self.expr(depth - 1) + ")"
            return op + " " + self.pick(arg, by + " " + arg, arg + " " + by)
        if k < 10:
            return self.pick("topk", "quantile", "bottomk") + "(" + self.scalar(depth - 1) + ", " + \
                self.expr(depth - 1) + ")"
        if k < 11:
            return 'label_replace(' + self.expr(depth - 1) + ', "d", "$1", "s", "(.*)")'
        return "vector(" + self.scalar(depth - 1) + ")"

    def labels(self):
        n = self.r.randrange(4)
        return ",".join(self.ws() + self.label() for _ in range(n)) + self.pick("", "," if n else "")

    def matrix(self, depth):
        if depth <= 0 or self.r.random() < 0.6:
            return self.selector() + "[" + self.ws() + self.duration() + self.ws() + "]" + self.modifiers()
        return self.pick("", "(") + self.expr(depth - 1) + self.pick("", ")") + "[" + self.duration() + ":" + \
            self.pick("", self.duration()) + "]" + self.modifiers()

    def scalar(self, depth):
        return self.pick(self.number(), "scalar(" + self.vector(depth - 1) + ")", "time()", "-" + self.number())

    def matching(self):
        text = self.pick("", "", "", " bool")
        if self.r.random() < 0.3:
            text += " " + self.pick("on", "ignoring", "ON") + " (" + self.labels() + ")"
            if self.r.random() < 0.5:
                text += " " + self.pick("group_left", "group_right") + self.pick("", " (" + self.labels() + ")")
        return text

    def expr(self, depth):
        k = self.r.randrange(10)
        if depth <= 0 or k < 5:
            return self.vector(depth)
        if k < 8:
            op = self.pick("+", "-", "*", "/", "%", "^", "==", "!=", "<", ">", "<=", ">=", "and", "or",
                           "unless", "atan2")
            return self.expr(depth - 1) + " " + op + self.matching() + " " + self.expr(depth - 1)
        return self.pick("(%s)", "-%s", "+ %s", "(%s)") % self.expr(depth - 1)

    def query(self):
        q = self.pick(self.expr(3), self.expr(4), self.matrix(3), self.scalar(3))
        if self.r.random() < 0.5:
            for _ in range(self.r.randrange(1, 3)):
                i = self.r.randrange(len(q) + 1)
                j = min(len(q), i + self.r.randrange(3))
                q = q[:i] + self.pick("", self.r.choice(BREAKS)) + q[j:]
        return q


class Corpus:
    """The files of folders, then mutations of them and of generated queries."""
    TOKENS = re.compile(rb"#[^\n]*|\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'|`[^`]*`|[A-Za-z_:][A-Za-z0-9_:]*|"
                        rb"[0-9.][0-9A-Za-z_.]*|[=!<>]=|[=!]~|\s+|.", re.S)
    FRAGMENTS = [f.encode() for f in BREAKS + WORDS + STRINGS] + [
        b"[5m]", b"[5m:]", b"[1h:30s]", b" offset 5m", b" @ start()", b" @ 10", b"{a=\"x\"}", b" by (a)", b" on (a)",
        b" group_left (b)", b"rate(m[5m])", b"sum(m)", b"\xff", b"\0", b"\xef\xbf\xbd", b"\xc2\xa0", b"\\"]
    SIZE_MAX = 2000
    GENERATED_MAX = 1000

    def __init__(self, seed, folders):
        self.r = random.Random(seed)
        names = sorted(e.path for folder in folders for e in os.scandir(folder)
                       if e.is_file() and 0 < e.stat().st_size <= self.SIZE_MAX)
        self.texts = []
        for name in names:
            with open(name, "rb") as f:
                self.texts.append(f.read())
        self.originals = iter(self.texts[:])
        generator = Generator(seed)
        self.texts += [generator.query().encode() or b"m" for _ in range(min(len(names), self.GENERATED_MAX))]

    def mutate_bytes(self, text):
        i = self.r.randrange(len(text) + 1)
        j = min(len(text), i + self.r.choice((0, 1, 1, 2, 8)))
        k = self.r.randrange(4)
        if k == 0 and i < len(text):
            return text[:i] + bytes([text[i] ^ 1 << self.r.randrange(8)]) + text[i + 1:]
        if k == 1:
            return text[:i] + text[j:]
        if k == 2:
            return text[:i] + text[i:j] + text[i:]
        return text[:i] + self.r.choice(self.FRAGMENTS) + text[j:]

    @staticmethod
    def kind(token):
        if token[:1].isalpha() or token[:1] in b"_:":
            return "word"
        if token[:1].isdigit():
            return "number"
        return "string" if token[:1] in b"\"'`" else token if token[:1] in b"(){}[],#" else "operator"

    def splice(self, text):
        """Other tokens at any place."""
        tokens, others = (self.TOKENS.findall(t) for t in (text, self.r.choice(self.texts)))
        i, j = self.r.randrange(len(tokens) + 1), self.r.randrange(len(others))
        n, m = self.r.randrange(4), self.r.randrange(1, 8)
        tokens[i:i + n] = others[j:j + m]
        return b"".join(tokens)

    def exchange(self, text):
        """A token for one of the same kind."""
        tokens, others = (self.TOKENS.findall(t) for t in (text, self.r.choice(self.texts)))
        i = self.r.randrange(len(tokens)) if tokens else 0
        same = [o for o in others if tokens and self.kind(o) == self.kind(tokens[i])]
        if same:
            tokens[i] = self.r.choice(same)
        return b"".join(tokens)

    def query(self):
        text = next(self.originals, None)
        if text is not None:
            return text
        text = self.r.choice(self.texts)
        for _ in range(self.r.choice((1, 1, 2, 3))):
            text = self.r.choice((self.mutate_bytes, self.splice, self.exchange, self.exchange))(text)
        return text[:self.SIZE_MAX] or b"m"


class Prometheus:
    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=20)

    def ask(self, path, parameters):
        self.connection.request("POST", "/api/v1/" + path, urllib.parse.urlencode(parameters),
                                {"Content-Type": "application/x-www-form-urlencoded"})
        return json.load(self.connection.getresponse())

    def takes_selector(self, text):
        answer = self.ask("series", {"match[]": text, "start": 1, "end": 2})
        return answer["status"] == "success", answer.get("error", "")

    def format(self, query):
        """The text that it makes of a query, or None; why not."""
        answer = self.ask("format_query", {"query": query})
        return answer["data"] if answer["status"] == "success" else None, answer.get("error", "")


class Ours:
    def __init__(self, program, *words):
        self.process = subprocess.Popen([program, *words], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def format(self, query):
        query = query.encode() if isinstance(query, str) else query
        self.process.stdin.write(b"%d\n" % len(query) + query)
        self.process.stdin.flush()
        size = self.process.stdout.readline()
        if not size:
            raise SystemExit("promql_format ended with %r" % query)
        text = self.process.stdout.read(int(size)).decode("utf-8", "replace")
        return (None, text[1:]) if text.startswith("!") else (text, "")


# What we refuse although 2.42 takes it: our reason, and what the query must hold for it.
STRICTER = [
    ("no second offset", rb"(?i)offset"),
    ("an empty label name", rb"[\"'`]"),
    ("bad number or duration syntax", rb"(?i)0x[0-9a-f]e"),
    ("nested deeper", rb"."),
    ("a query has more than", rb"."),
    ("a range is only allowed directly on a selector", rb"(?is)(offset|start|end).*\["),
    ("a string whose escapes make invalid UTF-8", rb"\\"),
    ("timestamp out of range", rb"@"),
    # It takes a letter behind the range for a colon.
    ("a name where a duration is expected", rb"\[[^\]]*[A-Za-z_]"),
]

# What 2.42 takes and later versions don't.
GONE = re.compile("unknown function 'holt_winters'")


def is_stricter(query, error):
    return any(reason in error and re.search(pattern, query, re.S) for reason, pattern in STRICTER)


class Comparison:
    def __init__(self, url, program):
        self.prometheus, self.ours, self.newest = Prometheus(url), Ours(program, "2.42"), Ours(program, "newest")
        self.selectors = Ours(program, "2.42", "selector")
        self.accepted = self.stricter = 0

    def newest_differs(self, query, text):
        newest, error = self.newest.format(query)
        if newest is None:
            return None if GONE.search(error) else "accepted as 2.42, rejected as newest: " + error
        return None if newest == text else "read as %r, but newer as %r" % (text, newest)

    def selector_differs(self, text):
        good, their_error = self.prometheus.takes_selector(text)
        ours, our_error = self.selectors.format(text)
        if good == (ours is not None) or (good and is_stricter(text, our_error)):
            return None
        return "as a selector %s here, not there: %s" % (ours or "refused", our_error + their_error)

    def differs(self, query):
        """A sentence about what differs, or None."""
        theirs, their_error = self.prometheus.format(query)
        text, our_error = self.ours.format(query)
        if theirs is None and text is not None:
            return "accepted here (%s), rejected there: %s" % (text, their_error)
        if theirs is not None and text is None:
            if is_stricter(query, our_error):
                self.stricter += 1
                return None
            return "rejected here: " + our_error
        if text is None:
            return None
        self.accepted += 1
        again, error = self.prometheus.format(text)
        if again is None:
            return "printed as %r, which is rejected there: %s" % (text, error)
        # It leaves {__name__="m"} as it is; ours writes m, which is the same.
        if again != theirs and self.ours.format(again) != self.ours.format(theirs):
            return "printed as %r, which is %r there and not %r" % (text, again, theirs)
        return self.newest_differs(query, text)


def main():
    url, program, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    source = Corpus(seed, sys.argv[5:]) if len(sys.argv) > 5 else Generator(seed)
    comparison, differences, start = Comparison(url, program), [], time.monotonic()
    for i in range(n):
        query = source.query()
        query = query.encode() if isinstance(query, str) else query
        difference = comparison.differs(query) or comparison.selector_differs(query)
        if difference:
            differences.append(difference)
            if len(differences) <= 20:
                print("%r: %s" % (query, difference), flush=True)
    used = resource.getrusage(resource.RUSAGE_SELF)
    print("%d queries, %d accepted, %d refused here on purpose, %d differences; %.0f a second, %.0f s of CPU here" %
          (n, comparison.accepted, comparison.stricter, len(differences), n / (time.monotonic() - start),
           used.ru_utime + used.ru_stime))
    if comparison.accepted <= n // 20:
        print("too few were accepted")
        return 1
    return 1 if differences else 0


if __name__ == "__main__":
    sys.exit(main())
