#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our PromQL front end with a real Prometheus 2.x:

    promql_compare.py URL PROMQL_FORMAT N [SEED]

Generates N queries from the grammar, half of them broken a little, and asks both. What Prometheus
accepts, rejects and how it formats our canonical text must agree with ours, but for forms that we
refuse on purpose. Prints TAP.
"""
import http.client
import json
import random
import re
import subprocess
import sys
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


class Prometheus:
    def __init__(self, url):
        self.connection = http.client.HTTPConnection(urllib.parse.urlsplit(url).netloc, timeout=20)

    def format(self, query):
        body = urllib.parse.urlencode({"query": query})
        self.connection.request("POST", "/api/v1/format_query", body,
                                {"Content-Type": "application/x-www-form-urlencoded"})
        answer = json.load(self.connection.getresponse())
        return answer["data"] if answer["status"] == "success" else None, answer.get("error", "")


class Ours:
    def __init__(self, program):
        self.process = subprocess.Popen([program, "2.42"], stdin=subprocess.PIPE, stdout=subprocess.PIPE)

    def format(self, query):
        self.process.stdin.write(query.encode() + b"\0")
        self.process.stdin.flush()
        out = b""
        while not out.endswith(b"\0"):
            c = self.process.stdout.read1(1)
            if not c:
                raise SystemExit("promql_format ended")
            out += c
        text = out[:-1].decode("utf-8", "replace")
        return (None, text) if text.startswith("!") else (text, "")


# What we refuse although 2.42 takes it, by our reason.
STRICTER = re.compile("second offset|empty label name|bad number or duration|nested deeper|"
                      "a range is only allowed directly on a selector|a name where a duration is expected")


def compare(prometheus, ours, query):
    """A sentence about what differs, or None."""
    theirs, their_error = prometheus.format(query)
    text, our_error = ours.format(query)
    if theirs is None and text is not None:
        return "accepted here (%s), rejected there: %s" % (text, their_error)
    if theirs is not None and text is None:
        return None if STRICTER.search(our_error) else "rejected here: " + our_error
    if text is None:
        return None
    again, error = prometheus.format(text)
    if again is None:
        return "printed as %r, which is rejected there: %s" % (text, error)
    # It leaves {__name__="m"} as it is; ours writes m, which is the same.
    if again != theirs and ours.format(again) != ours.format(theirs):
        return "printed as %r, which is %r there and not %r" % (text, again, theirs)
    return None


def main():
    url, program, n = sys.argv[1], sys.argv[2], int(sys.argv[3])
    seed = int(sys.argv[4]) if len(sys.argv) > 4 else 1
    generator, prometheus, ours = Generator(seed), Prometheus(url), Ours(program)
    accepted, differences = 0, []
    for _ in range(n):
        query = generator.query()
        difference = compare(prometheus, ours, query)
        accepted += ours.format(query)[0] is not None
        if difference:
            differences.append((query, difference))
    for query, difference in differences[:20]:
        print("# %r: %s" % (query, difference))
    print("%sok 1 - %d generated queries, %d of them accepted, are read as Prometheus reads them" %
          ("not " if differences else "", n, accepted))
    print("%sok 2 - enough of them were accepted" % ("" if accepted > n // 10 else "not "))
    print("1..2")
    return 1 if differences or accepted <= n // 10 else 0


sys.exit(main())
