# SPDX-License-Identifier: Apache-2.0
"""PromQL of Prometheus 3.16 a second time, with experimental functions and fill modifiers: read() gives the
canonical text and the type, or raises Refused. Written from the language's rules alone and plainly, to compare
src/format/promql with. Forms that we refuse on purpose are refused. Numbers in the text are held in NULs.
"""
import math
import re

from promql_tokens import (AGGREGATIONS, DURATION_WORDS, NOT_A_LABEL, NOT_A_METRIC, WITH_PARAMETER, Lexer, Refused)

SET_OPERATORS = {"and", "or", "unless"}
COMPARISONS = {"==", "!=", "<", "<=", ">", ">="}
LEVELS = {"or": 1, "and": 2, "unless": 2, "==": 3, "!=": 3, "<=": 3, "<": 3, ">=": 3, ">": 3, "</": 3, ">/": 3,
          "+": 4, "-": 4, "*": 5, "/": 5, "%": 5, "atan2": 5, "^": 6}

# Arguments: V, M, S, T (string), I (info's selector); how many at the end may be left out; how many more of the
# last type there may be; what comes out.
FUNCTIONS = {}
for names, arguments, optional, more, result in (
        ("abs absent acos acosh asin asinh atan atanh ceil cos cosh deg exp floor histogram_count histogram_sum "
         "histogram_avg histogram_stddev histogram_stdvar ln log10 log2 rad sgn sin sinh sort sort_desc sqrt tan tanh "
         "timestamp start_timestamp", "V", 0, 0, "V"),
        ("day_of_month day_of_week day_of_year days_in_month hour minute month year", "V", 1, 0, "V"),
        ("absent_over_time avg_over_time changes count_over_time delta deriv idelta increase irate last_over_time "
         "max_over_time min_over_time present_over_time rate resets stddev_over_time stdvar_over_time sum_over_time "
         "first_over_time mad_over_time ts_of_max_over_time ts_of_min_over_time ts_of_last_over_time "
         "ts_of_first_over_time", "M", 0, 0, "V"),
        ("integral", "MS", 1, 0, "V"), ("predict_linear", "MS", 0, 0, "V"), ("quantile_over_time", "SM", 0, 0, "V"),
        ("double_exponential_smoothing", "MSS", 0, 0, "V"), ("clamp_max clamp_min", "VS", 0, 0, "V"),
        ("round", "VS", 1, 0, "V"), ("clamp", "VSS", 0, 0, "V"), ("histogram_quantile", "SV", 0, 0, "V"),
        ("histogram_fraction", "SSV", 0, 0, "V"), ("histogram_quantiles", "VTS", 0, 9, "V"),
        ("label_replace", "VTTTT", 0, 0, "V"), ("label_join", "VTTT", 1, math.inf, "V"),
        ("sort_by_label sort_by_label_desc", "VT", 1, math.inf, "V"), ("info", "VI", 1, 0, "V"),
        ("scalar", "V", 0, 0, "S"), ("vector", "S", 0, 0, "V"), ("pi time start end step range", "", 0, 0, "S"),
        ("max_of min_of", "SS", 0, 0, "S")):
    for function in names.split():
        FUNCTIONS[function] = arguments, optional, more, result


class Parser:
    """Nodes are tuples that begin with their kind; selectors and subqueries hold a dict."""
    DURATION_LEVELS = {"+": 1, "-": 1, "*": 2, "/": 2, "%": 2, "^": 3}

    def __init__(self, text):
        self.tokens, self.i = Lexer(text).run(), 0

    @property
    def kind(self):
        return self.tokens[self.i][0]

    @property
    def keyword(self):
        return self.tokens[self.i][2]

    def after(self):
        return self.tokens[min(self.i + 1, len(self.tokens) - 1)]

    def next(self):
        self.i += 1
        return self.tokens[self.i - 1][1]

    def take(self, what):
        found = what in (self.kind, self.keyword)
        self.i += found
        return found

    def expect(self, what):
        if not self.take(what):
            raise Refused("no " + what)

    def operator(self):
        o = self.keyword if self.kind == "word" else self.kind
        return o if o in LEVELS else None

    def expression(self, level=1):
        left = self.unary()
        while (o := self.operator()) and LEVELS[o] >= level:
            self.i += 1
            matching = self.matching()
            left = "binary", o, matching, left, self.expression(6 if o == "^" else LEVELS[o] + 1)
        return left

    def unary(self):
        if self.kind not in ("+", "-"):
            return self.postfix()
        sign = self.next().decode()
        operand = self.expression(6)
        if operand[0] == "number":
            return "number", -operand[1] if sign == "-" else operand[1]
        return "unary", sign, operand

    def labels(self):
        self.expect("(")
        labels = []
        while not self.take(")"):
            good = (self.kind == "metric" or self.kind == "word" and self.keyword not in NOT_A_LABEL or
                    self.kind == "string" and self.tokens[self.i][1])
            if not good:
                raise Refused("no label")
            labels.append(self.next())
            if not self.take(",") and self.kind != ")":
                raise Refused("no comma")
        return labels

    def signed_number(self):
        sign = -1 if self.kind == "-" else 1
        if self.kind in ("+", "-"):
            self.i += 1
        if self.kind not in ("number", "duration"):
            raise Refused("no number")
        scale = 1e9 if self.kind == "duration" else 1
        return sign * (self.next() / scale)

    def fill(self):
        self.expect("(")
        value = self.signed_number()
        self.expect(")")
        return value

    def matching(self):
        m = {"bool": self.take("bool"), "how": None, "labels": [], "group": None, "include": [], "fill": {}}
        m["how"] = next((h for h in ("on", "ignoring") if self.take(h)), None)
        if m["how"]:
            m["labels"] = self.labels()
            m["group"] = next((g for g in ("group_left", "group_right") if self.take(g)), None)
            if m["group"] and self.kind == "(":
                m["include"] = self.labels()
        if self.take("fill"):
            m["fill"]["fill_left"] = m["fill"]["fill_right"] = self.fill()
            return m
        while self.keyword in ("fill_left", "fill_right") and self.keyword not in m["fill"]:
            side = self.keyword
            self.i += 1
            m["fill"][side] = self.fill()
        return m

    def postfix(self):
        node = self.primary()
        while True:
            if self.take("["):
                node = self.bracket(node)
            elif self.kind == "@" or self.keyword in ("offset", "anchored", "smoothed"):
                self.modifier(node)
            else:
                return node

    def bracket(self, node):
        range_ = self.positive()
        if self.take("]"):
            if node[0] != "selector" or node[1]["range"] or node[1]["offset"] or node[1]["at"]:
                raise Refused("a range in the wrong place")
            node[1]["range"] = range_
            return node
        self.expect(":")
        step = None if self.kind == "]" else self.positive()
        self.expect("]")
        return "subquery", {"expression": node, "range": range_, "step": step, "offset": None, "at": None, "taking": None}

    def modifier(self, node):
        if node[0] not in ("selector", "subquery"):
            raise Refused("a modifier in the wrong place")
        d, word = node[1], self.keyword
        self.i += 1
        if word in ("anchored", "smoothed"):
            if node[0] == "subquery" or d["taking"] not in (None, word):
                raise Refused("anchored, smoothed")
            d["taking"] = word
        elif d["offset" if word == "offset" else "at"]:
            raise Refused("a modifier twice")
        elif word == "offset":
            d["offset"] = self.offset()
        elif self.keyword in ("start", "end"):
            d["at"] = self.keyword
            self.i += 1
            self.expect("(")
            self.expect(")")
        else:
            d["at"] = ("time", self.signed_number())
            if not abs(d["at"][1]) <= 9223372036854775:
                raise Refused("a time out of range")

    def duration_literal(self):
        if self.kind == "duration":
            return "literal", self.next()
        if self.kind != "number":
            raise Refused("no duration")
        seconds = self.next()
        if not seconds * 1e9 < 9.2e18:
            raise Refused("a duration too long")
        return "literal", math.floor(seconds * 1e9 + 0.5)

    def duration_call(self):
        word = self.keyword
        self.i += 1
        self.expect("(")
        operands = []
        if word in ("max_of", "min_of"):
            operands.append(self.duration())
            self.expect(",")
            operands.append(self.duration())
        self.expect(")")
        return ("call", word, *operands)

    @staticmethod
    def signed(sign, operand):
        if operand[0] == "literal":
            return "literal", -operand[1] if sign == "-" else operand[1]
        return "unary", sign, operand

    def duration_parentheses(self):
        self.expect("(")
        inner = self.duration()
        self.expect(")")
        return "parentheses", inner

    def duration_primary(self):
        if self.kind in ("+", "-"):
            return self.signed(self.next().decode(), self.duration(3))
        if self.keyword in DURATION_WORDS:
            return self.duration_call()
        return self.duration_parentheses() if self.kind == "(" else self.duration_literal()

    def duration(self, level=1):
        left = self.duration_primary()
        while self.DURATION_LEVELS.get(self.kind, 0) >= level:
            o = self.next().decode()
            right = self.duration(3 if o == "^" else self.DURATION_LEVELS[o] + 1)
            if o in "/%" and right == ("literal", 0):
                raise Refused("division by zero")
            left = "binary", o, left, right
        return left

    def positive(self):
        d = self.duration()
        if d[0] == "literal" and d[1] <= 0:
            raise Refused("a duration that is not positive")
        return d

    def offset(self):
        signed = self.kind in ("+", "-")
        if self.kind == "(" or signed and self.after()[0] in ("+", "-"):
            return self.duration()
        sign = self.next().decode() if signed else None
        if self.keyword in DURATION_WORDS:
            operand = self.duration_call()
        else:
            operand = self.duration_parentheses() if signed and self.kind == "(" else self.duration_literal()
        return self.signed(sign, operand) if signed else operand

    def matcher(self):
        quoted = self.kind == "string"
        if not quoted and self.kind != "label":
            raise Refused("no matcher")
        name = self.next()
        if quoted and self.kind in (",", "}"):
            return b"__name__", "=", name
        op = self.kind
        self.i += 1
        if op not in ("=", "!=", "=~", "!~") or self.kind != "string" or not name:
            raise Refused("no matcher")
        return name, op, self.next()

    def selector(self):
        name, matchers = None, []
        if self.kind == "metric" or self.kind == "word" and self.keyword not in NOT_A_METRIC:
            name = self.next()
        elif self.kind != "{":
            raise Refused("no selector")
        if self.take("{"):
            while not self.take("}"):
                matchers.append(self.matcher())
                if not self.take(",") and self.kind != "}":
                    raise Refused("no comma")
        return "selector", {"name": name, "matchers": matchers, "range": None, "offset": None, "at": None, "taking": None}

    def arguments(self):
        self.expect("(")
        arguments = []
        while not (not arguments and self.take(")")):
            arguments.append(self.expression())
            if self.take(")"):
                break
            self.expect(",")
        return arguments

    def grouping(self):
        word = next((w for w in ("by", "without") if self.take(w)), None)
        return word and (word, self.labels())

    def aggregation(self):
        word = self.keyword
        self.i += 1
        grouping = self.grouping()
        arguments = self.arguments()
        grouping = grouping or self.grouping()
        if len(arguments) != 1 + (word in WITH_PARAMETER):
            raise Refused("arguments")
        return "aggregation", word, grouping, arguments

    def primary(self):
        if self.kind in ("number", "duration"):
            return "number", self.signed_number()
        if self.kind == "string":
            return "string", self.next()
        if self.take("("):
            inner = self.expression()
            self.expect(")")
            return "parentheses", inner
        if self.keyword in AGGREGATIONS and (self.after()[0] == "(" or self.after()[2] in ("by", "without")):
            return self.aggregation()
        if self.kind == "word" and self.after()[0] == "(" and \
                (self.keyword is None or self.keyword in DURATION_WORDS | {"start", "end"}):
            name = self.next().decode()
            if name not in FUNCTIONS:
                raise Refused("an unknown function")
            return "call", name, self.arguments()
        return self.selector()


class Checker:
    """Types; pattern(text) tells whether a regular expression matches the empty string, or refuses it."""

    def __init__(self, pattern):
        self.pattern = pattern

    def matches_empty(self, matcher):
        _, op, value = matcher
        if op in ("=", "!="):
            return (value == b"") == (op == "=")
        return self.pattern(value) == (op == "=~")

    def check_selector(self, d, of_info=False):
        empty = [self.matches_empty(m) for m in d["matchers"]]
        if d["name"] is not None and any(m[0] == b"__name__" for m in d["matchers"]):
            raise Refused("a name twice")
        if d["name"] is None and not of_info and all(empty):
            raise Refused("an empty selector")

    def expect(self, node, wanted):
        if wanted == "I":
            if node[0] != "selector" or node[1]["name"] is not None or node[1]["range"]:
                raise Refused("no selector of info")
            self.check_selector(node[1], True)
        elif self.type(node) != wanted:
            raise Refused("a type")

    def binary(self, o, m, left, right):
        types = [self.type(left), self.type(right)]
        vectors = types == ["V", "V"]
        wrong = (not set(types) <= {"S", "V"} or m["bool"] and o not in COMPARISONS or
                 o in COMPARISONS and types == ["S", "S"] and not m["bool"] or
                 o in SET_OPERATORS and (not vectors or m["group"] or m["fill"]) or
                 not vectors and (m["labels"] or m["fill"]) or
                 m["how"] == "on" and set(m["labels"]) & set(m["include"]))
        if wrong:
            raise Refused("an operator")
        if not vectors:
            m.update(how=None, group=None, include=[])
        return "S" if types == ["S", "S"] else "V"

    def call(self, name, arguments):
        types, optional, more, result = FUNCTIONS[name]
        if not len(types) - optional <= len(arguments) <= len(types) + more:
            raise Refused("arguments")
        for i, node in enumerate(arguments):
            self.expect(node, types[min(i, len(types) - 1)])
        return result

    def type(self, node):
        kind = node[0]
        if kind in ("number", "string"):
            return {"number": "S", "string": "T"}[kind]
        if kind == "selector":
            self.check_selector(node[1])
            return "M" if node[1]["range"] else "V"
        if kind == "parentheses":
            return self.type(node[1])
        if kind == "unary":
            t = self.type(node[2])
            if t not in "SV":
                raise Refused("a sign")
            return t
        if kind == "subquery":
            self.expect(node[1]["expression"], "V")
            return "M"
        if kind == "binary":
            return self.binary(*node[1:])
        if kind == "call":
            return self.call(*node[1:])
        for argument, wanted in zip(node[3][::-1], ["V", "T" if node[1] == "count_values" else "S"]):
            self.expect(argument, wanted)
        return "V"


class Printer:
    METRIC = re.compile(rb"[A-Za-z_:][A-Za-z0-9_:]*")
    LABEL = re.compile(rb"[A-Za-z_][A-Za-z0-9_]*")

    @staticmethod
    def string(value):
        special = {'"': '\\"', "\\": "\\\\", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\ufffd": "\\ufffd"}
        return '"%s"' % "".join(special.get(c) or ("\\x%02x" % ord(c) if c < " " or c == "\x7f" else c)
                                for c in value.decode())

    @staticmethod
    def number(value):
        if math.isnan(value):
            return "NaN"
        return ("-Inf" if value < 0 else "Inf") if math.isinf(value) else "\0%r\0" % value

    def labels(self, labels):
        return "(%s)" % ", ".join(
            label.decode() if self.LABEL.fullmatch(label) and label.lower().decode() not in NOT_A_LABEL
            else self.string(label) for label in labels)

    @staticmethod
    def nanoseconds(ns):
        sign, ns = "-" if ns < 0 else "", abs(ns)
        if ns % 10**6:
            return sign + ("%d.%09d" % divmod(ns, 10**9)).rstrip("0")
        text, ms = "", ns // 10**6
        for unit, size in (("d", 86400000), ("h", 3600000), ("m", 60000), ("s", 1000), ("ms", 1)):
            text += "%d%s" % (ms // size, unit) if ms // size else ""
            ms %= size
        return sign + text or "0s"

    def duration(self, d):
        if d[0] == "literal":
            return self.nanoseconds(d[1])
        if d[0] == "call":
            return "%s(%s)" % (d[1], ", ".join(map(self.duration, d[2:])))
        if d[0] == "binary":
            return "%s %s %s" % (self.duration(d[2]), d[1], self.duration(d[3]))
        return d[1] + self.duration(d[2]) if d[0] == "unary" else "(%s)" % self.duration(d[1])

    def modifiers(self, d):
        text = " " + d["taking"] if d["taking"] else ""
        if d["at"] in ("start", "end"):
            text += " @ %s()" % d["at"]
        elif d["at"]:
            ms = math.floor(abs(d["at"][1]) * 1000 + 0.5)
            text += " @ %s%d.%03d" % ("-" if d["at"][1] < 0 and ms else "", *divmod(ms, 1000))
        offset = d["offset"]
        if not offset or offset == ("literal", 0):
            return text
        if offset[0] == "literal":
            return text + " offset " + self.duration(offset)
        sign, inner = offset[1:] if offset[0] == "unary" else ("+", offset)
        return text + " offset %s(%s)" % (sign, self.duration(inner[1] if inner[0] == "parentheses" else inner))

    def selector(self, d, may_be_named=True):
        name, matchers = d["name"], d["matchers"]
        names = [m for m in matchers if m[0] == b"__name__"]
        if may_be_named and name is None and len(names) == 1 and names[0][1] == "=" and self.METRIC.fullmatch(names[0][2]) and \
                names[0][2].lower().decode() not in NOT_A_METRIC:
            name, matchers = names[0][2], [m for m in matchers if m is not names[0]]
        text = (name or b"").decode()
        if matchers or not name:
            text += "{%s}" % ",".join(
                (n.decode() if self.LABEL.fullmatch(n) else self.string(n)) + op + self.string(v) for n, op, v in matchers)
        return text + ("[%s]" % self.duration(d["range"]) if d["range"] else "") + self.modifiers(d)

    def matching(self, m):
        text = " bool" if m["bool"] else ""
        if m["how"] == "on" or m["how"] and (m["labels"] or m["group"]):
            text += " %s %s" % (m["how"], self.labels(m["labels"]))
        if m["group"]:
            text += " %s %s" % (m["group"], self.labels(m["include"]))
        values = [repr(v) for v in m["fill"].values()]
        if len(values) == 2 and values[0] == values[1]:
            return text + " fill (%s)" % self.number(m["fill"]["fill_left"])
        return text + "".join(" %s (%s)" % (side, self.number(m["fill"][side])) for side in sorted(m["fill"]))

    def node(self, node):
        kind = node[0]
        if kind in ("number", "string", "selector"):
            return getattr(self, kind)(node[1])
        if kind == "parentheses":
            return "(%s)" % self.node(node[1])
        if kind == "unary":
            return node[1] + self.node(node[2])
        if kind == "subquery":
            d = node[1]
            step = self.duration(d["step"]) if d["step"] else ""
            return "%s[%s:%s]%s" % (self.node(d["expression"]), self.duration(d["range"]), step, self.modifiers(d))
        if kind == "binary":
            _, o, m, left, right = node
            return "%s %s%s %s" % (self.node(left), o, self.matching(m), self.node(right))
        arguments = ", ".join(map(self.node, node[-1]))
        if kind == "call" and node[1] == "info" and len(node[-1]) == 2:
            arguments = self.node(node[-1][0]) + ", " + self.selector(node[-1][1][1], False)
        grouping = node[2] if kind == "aggregation" else None
        if grouping and (grouping[0] == "without" or grouping[1]):
            return "%s %s %s (%s)" % (node[1], grouping[0], self.labels(grouping[1]), arguments)
        return "%s(%s)" % (node[1], arguments)


def read(text, pattern):
    parser = Parser(text)
    node = parser.expression()
    parser.expect("END")
    type_ = Checker(pattern).type(node)
    return Printer().node(node), type_
