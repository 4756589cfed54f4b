#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks for times at which an id was somebody else's: lb_reuse.py LB_PORT OWN_PORT ALL_PORT NOW N [SEED]

LB_PORT: ceems_lb for user ines before a Prometheus (ALL_PORT) where the ids 900, 901 and 902 were also another
user's, as was 903 until CHANGE. OWN_PORT: a Prometheus that never held the other user's units. An instant query that is answered must
have the second one's answer; of a range query each point that is answered must be there; what /series and the
like say must be a part of it. Prints TAP.
"""
import json
import random
import re
import sys

from tsdb_client import Server, is_part, points

LB, OWN, ALL, NOW, N = (int(a) for a in sys.argv[1:6])
SEED = int(sys.argv[6]) if len(sys.argv) > 6 else random.randrange(10**9)
R = random.Random(SEED)
CHANGE = NOW - 7200
# A number of theirs; in the middle of a time such digits are nobody's.
SECRET = re.compile(rb"omar-secret|(?<![0-9])31337")
FUNCTIONS = ("max_over_time", "min_over_time", "last_over_time", "sum_over_time", "count_over_time", "rate", "delta", "changes",
             "present_over_time", "absent_over_time", "quantile_over_time")


def moment():
    if R.random() < 0.1:
        return CHANGE + R.randrange(40)
    return NOW - R.randrange(16000) + R.randrange(1000)


def selector():
    unit = R.choice(('="900"', '="903"', '="901"', '="902"', '="7001"', '=~"900|7001"', '=~"90[012]"', '=~"901|902"'))
    return R.choice(("gauge", "same", "")) + "{uuid" + unit + R.choice(("", "", ',instance="n1"')) + "}"


def duration():
    return R.choice(("1m", "5m", "17m", "30m", "1h", "90m", "2h", "3h"))


def modifier():
    offset = R.choice(("", "", "", f" offset {duration()}", f" offset -{duration()}"))
    at = R.choice(("", "", "", "", f" @ {moment()}", " @ start()", " @ end()"))
    return offset + at if R.random() < 0.5 else at + offset


def ranged(depth):
    if depth > 0 and R.random() < 0.4:
        return f"({vector(depth - 1)})[{duration()}:{R.choice(('1m', '5m', '7m'))}]" + modifier()
    return selector() + f"[{duration()}]" + modifier()


def vector(depth):
    kind = R.random()
    if depth <= 0 or kind < 0.25:
        return selector() + modifier()
    if kind < 0.65:
        function = R.choice(FUNCTIONS)
        return f"{function}({'0.5, ' if function[0] == 'q' else ''}{ranged(depth - 1)})"
    if kind < 0.75:
        return f"{R.choice(('sum', 'max', 'count'))} by (uuid) ({vector(depth - 1)})"
    if kind < 0.85:
        return f"{vector(depth - 1)} {R.choice(('or', 'and', 'unless'))} {vector(depth - 1)}"
    if kind < 0.92:
        return f"absent({selector() + modifier()})"
    return f"-({vector(depth - 1)})"


def judge(path, mine, theirs):
    if path == "query":
        mine, theirs = points(mine), points(theirs)
        return is_part(mine, theirs) and len(mine) == len(theirs)
    if path == "query_range":
        return is_part(points(mine), points(theirs))
    have = [json.dumps(item, sort_keys=True) for item in json.loads(theirs)["data"]]
    return all(json.dumps(item, sort_keys=True) in have for item in json.loads(mine)["data"])


lb = Server(LB, {"X-Grafana-User": "ines", "X-Ceems-Cluster-Id": "alpha"})
own, everything = Server(OWN, {}), Server(ALL, {})
leaks, broken = [], []
answered, refused, filled, needless = {}, {}, {}, 0
for _ in range(N):
    path = R.choice(("query", "query", "query_range", "query_range", "series", "label/owner/values"))
    start = moment()
    if path == "query":
        parameters = [("query", vector(3)), ("time", moment())]
    elif path == "query_range":
        parameters = [("query", vector(2)), ("start", start), ("end", start + R.randrange(9000)), ("step", R.choice((60, 97, 600)))]
    else:
        parameters = [("match[]", selector()), ("start", start), ("end", start + R.randrange(9000))]
    # Servers that don't know it look back as far as ever.
    if path.startswith("query"):
        parameters += R.choice(([], [("lookback_delta", R.choice(("1ms", "10s", "2m", "20m")))]))
    status, body = lb.ask(path, parameters)
    if status == 403:
        refused[path] = refused.get(path, 0) + 1
        # How often a query is refused that would have shown nothing: told, not judged.
        needless += path == "query" and judge(path, everything.ask(path, parameters)[1], own.ask(path, parameters)[1])
        continue
    if status != 200:
        broken.append((status, path, parameters, body[:200]))
        continue
    answered[path] = answered.get(path, 0) + 1
    wanted_status, wanted = own.ask(path, parameters)
    filled[path] = filled.get(path, 0) + (b'"metric"' in body or b'"gauge"' in body)
    if SECRET.search(body) or wanted_status != 200 or not judge(path, body, wanted):
        leaks.append((path, parameters, body[:300], wanted[:300]))


def tell(number, name, bad):
    print(f"{'not ok' if bad else 'ok'} {number} - {name}")
    for line in bad[:5]:
        print(f"#   {line}")


print(f"# seed {SEED}: answered {answered}, with something in it {filled}, refused {refused}, {needless} of which needlessly")
few = [p for p in ("query", "query_range") if filled.get(p, 0) < N // 30]
tell(1, "what is answered is the user's own", leaks)
tell(2, "nothing broke", broken)
tell(3, "a fair part was answered, and a fair part refused", few + [p for p in ("query", "query_range") if refused.get(p, 0) < N // 30])
print("1..3")
sys.exit(bool(leaks or broken or few))
