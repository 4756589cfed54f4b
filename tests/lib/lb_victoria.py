#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Functions that VictoriaMetrics lets look in front of their range: lb_victoria.py LB_PORT OWN_PORT ALL_PORT T ID...

LB_PORT: ceems_lb for user ines before a VictoriaMetrics (ALL_PORT) where each id was also another user's until, or since,
T (Unix time). OWN_PORT: one that never held the other user's samples. Each point that is answered must be what the
second one answers to the same request. That the first one answers another is looked for as well: where it never does,
nothing was tested. Prints TAP.
"""
import re
import sys

from tsdb_client import Server, is_part, points

LB, OWN, ALL, T = (int(a) for a in sys.argv[1:5])
IDS = sys.argv[5:]
EXACT = [("max_lookback", "300000ms"), ("nocache", "1")]
# The other user's value; in the middle of a time such digits are nobody's.
SECRET = re.compile(rb"secret|(?<![0-9])3133")
FUNCTIONS = ("idelta", "delta", "increase", "changes", "resets", "rate", "irate", "deriv", "last_over_time", "max_over_time")
RANGES = ("30s", "2m", "10m")
SUBQUERIES = ("[5m:1m]", "[5m:]", "[5m:5m]", "[10m:30s]")
AFTER = (0, 29, 59, 61, 130, 299, 301, 359, 361, 400, 590, 599, 601, 629, 661, 719, 900, 1201, 1600)


def queries(unit):
    selector = f'm{{uuid="{unit}"}}'
    for function in FUNCTIONS:
        for duration in RANGES:
            yield f"{function}({selector}[{duration}])"
        for subquery in SUBQUERIES:
            yield f"{function}({selector}{subquery})"
    yield f"max_over_time(idelta({selector}[30s])[5m:1m])"
    yield f"delta(({selector} * 2)[5m:1m] offset 1m)"
    yield f"increase({selector}[30s] offset 1m) + on (uuid) changes({selector}[1m])"
    yield selector


lb = Server(LB, {"X-Grafana-User": "ines", "X-Ceems-Cluster-Id": "alpha"})
own, everything = Server(OWN, {}), Server(ALL, {})
leaks, broken = [], []
answered, would_leak, filled = 0, 0, dict.fromkeys(IDS, 0)


def compare(unit, path, parameters):
    global answered, would_leak
    wanted_status, wanted = own.ask(path, parameters + EXACT)
    itself_status, itself = everything.ask(path, parameters + EXACT)
    if wanted_status != 200 or itself_status != 200:
        broken.append((path, parameters, wanted, itself))
        return
    would_leak += not is_part(points(itself), points(wanted))
    status, body = lb.ask(path, parameters)
    if status == 403:
        return
    if status != 200:
        broken.append((path, parameters, status, body[:200]))
        return
    answered += 1
    filled[unit] += bool(points(body))
    if not is_part(points(body), points(wanted)) or SECRET.search(body):
        leaks.append((path, parameters, body[:300], wanted[:300]))


for unit in IDS:
    for query in queries(unit):
        for seconds in AFTER:
            for when in {T + seconds, T - seconds}:
                compare(unit, "query", [("query", query), ("time", when)])
        for step in (30, 60, 600, 3600):
            for start in (T - 2000, T - 1999, T - 1979):
                compare(unit, "query_range", [("query", query), ("start", start), ("end", T + 2000), ("step", step)])


def tell(number, name, bad):
    print(f"{'not ok' if bad else 'ok'} {number} - {name}")
    for line in bad[:5]:
        print(f"#   {line}")


print(f"# answered {answered}, {len(leaks)} wrongly; of the server itself {would_leak} would be; with something in it {filled}")
tell(1, "what is answered is the user's own", leaks)
tell(2, "nothing broke", broken)
tell(3, "each id was answered, and the server itself would have shown another's",
     [u for u in IDS if not filled[u]] + ([] if would_leak > 100 else ["it never would"]))
print("1..3")
sys.exit(bool(leaks or broken or would_leak <= 100 or not all(filled.values())))
