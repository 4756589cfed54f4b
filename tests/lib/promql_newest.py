#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares our PromQL front end with the grammar of Prometheus 3.16 as promql_grammar.py has it, because no
distribution has that Prometheus yet:

    promql_newest.py PROMQL_FORMAT N [SEED [DIR...]]

Makes N queries as promql_compare.py does, with newer forms among them. What is accepted, and the canonical text,
must be the same.
"""
import random
import re
import sys

from promql_compare import Corpus, Generator, Ours
from promql_grammar import Refused, read

NEWER = """step()|range()|max_of(1m, step())|min_of(5,2)|anchored|smoothed| fill(1)| fill_left (2) | fill_right(-1m)|
[5m+3]|[2*step()]| offset (5m)+3| offset -(5m)| offset step()| offset - -5m + 3|</|>/|{"a.b"}|{"x y"="1","m"}|"a"|
info(m,{a="x"})|info(m,{})|info(m,{"n"})|1_000|0x1F|5m|limitk(1,m)|histogram_quantiles(m,"q",0.1,0.2)|
sort_by_label(m,"a")|ts_of_max_over_time(m[5m])|start()|end()|first_over_time(m[5m])|[5]|[1e2:0x10]| @ 5m| offset 0|
[max_of(1m,2):step()]|[(5m)^2]|[-5m]|0_7|[5m % 0]|fill|step|Range|MAX_OF(1,2)|[STEP()]| @ START()|integral(m[5m],2)|
max_of(1,2)""".replace("\n", "").split("|")
LIMITS = re.compile("nested deeper|more than|at most")


class Unknown(Exception):
    """A regular expression that Python may read in another way."""


def matches_empty(pattern):
    if not re.fullmatch(rb"[A-Za-z0-9_]*(?:[|(].*)?", pattern) or re.search(rb"[^A-Za-z0-9_|()]", pattern):
        raise Unknown
    try:
        return re.fullmatch(pattern, b"") is not None
    except re.error:
        raise Refused("a pattern") from None


def same_text(ours, theirs):
    """Numbers, which stand in NULs there, by value."""
    parts = theirs.split("\0")
    pattern = "".join("(-?[0-9.e+-]+)" if i % 2 else re.escape(p) for i, p in enumerate(parts))
    m = re.fullmatch(pattern, ours, re.S)
    return m and all(float(a) == float(b) for a, b in zip(parts[1::2], m.groups()))


def differs(ours, query):
    """A sentence, or None; whether it was accepted."""
    text, error = ours.format(query)
    try:
        theirs, _ = read(query, matches_empty)
    except Refused as refused:
        return ("taken here (%s), not there: %s" % (text, refused) if text else None), False
    except (Unknown, RecursionError):
        return None, False
    if text is None:
        return (None if LIMITS.search(error) else "refused here: " + error), False
    return (None if same_text(text, theirs) else "%r here, %r there" % (text, theirs)), True


def main():
    program, n = sys.argv[1], int(sys.argv[2])
    seed = int(sys.argv[3]) if len(sys.argv) > 3 else 1
    source = Corpus(seed, sys.argv[4:]) if len(sys.argv) > 4 else Generator(seed)
    ours, r, accepted, differences = Ours(program, "newest"), random.Random(seed), 0, 0
    for _ in range(n):
        query = source.query()
        query = query.encode() if isinstance(query, str) else query
        if r.random() < 0.5:
            i = r.randrange(len(query) + 1)
            query = query[:i] + r.choice(NEWER).encode() + query[min(len(query), i + r.choice((0, 0, 1, 4))):]
        difference, good = differs(ours, query)
        accepted += good
        differences += difference is not None
        if difference and differences <= 20:
            print("%r: %s" % (query, difference))
    print("%d queries, %d accepted, %d differences" % (n, accepted, differences))
    return 1 if differences or accepted <= n // 20 else 0


sys.exit(main())
