#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Looks for leaks of ceems_lb: lb_differential.py LB_PORT OWN_PORT TIME N [SEED]

LB_PORT: ceems_lb for user ines, who owns 7001 and 7002, before a Prometheus that holds everything.
OWN_PORT: a Prometheus that holds the series of 7001 and 7002 alone. Whatever ceems_lb answers with 200 must be
what the second one answers to the same request, and no answer may hold what only others' series hold. Requests
are made from the grammar, their selectors bound, unbound, foreign, mixed and hidden in all ways, and sent in all
ways. Prints TAP.
"""
import http.client
import json
import math
import random
import re
import socket
import sys
import urllib.parse

LB, OWN, TIME, N = (int(a) for a in sys.argv[1:5])
SEED = int(sys.argv[5]) if len(sys.argv) > 5 else random.randrange(10**9)
R = random.Random(SEED)
# A number of theirs; in the middle of a time such digits are nobody's.
SECRET = re.compile(rb"omar-secret|(?<![0-9])31337")
HEADERS = {"X-Grafana-User": "ines", "X-Ceems-Cluster-Id": "alpha"}
FORM = "application/x-www-form-urlencoded"

NAMES = ("cpu", "mem", "energy_total", "a:rule")
VECTOR_FUNCTIONS = ("abs", "ceil", "floor", "sqrt", "exp", "sgn", "sort", "sort_desc", "timestamp", "absent", "round")
RANGE_FUNCTIONS = ("rate", "increase", "delta", "irate", "idelta", "changes", "resets", "deriv", "sum_over_time", "avg_over_time",
                   "min_over_time", "max_over_time", "count_over_time", "last_over_time", "present_over_time",
                   "absent_over_time", "stddev_over_time")
AGGREGATIONS = ("sum", "avg", "min", "max", "count", "group", "stddev")
LABELS = ("uuid", "instance", "owner", "gpu", "nothing")
# Matchers that bind to one's own units, in all spellings, and those that don't.
OWN_MATCHERS = ('uuid="7001"', "uuid='7002'", "uuid=`7001`", 'uuid=~"7001|7002"', 'uuid=~"(7001|7002)"', 'uuid=~"700[12]"',
                'uuid = "7001"', 'uuid="\\x37001"', 'uuid="\\u0037002"', 'uuid=~"(?:7001)"', 'uuid=~"^7001$"', 'uuid="7001",uuid=~".+"')
BAD_MATCHERS = ('uuid="8001"', 'uuid=~"7001|8001"', 'uuid=~".*"', 'uuid=~"7.*"', 'uuid=~"7001|"', 'uuid=~".+"', 'uuid!="8001"', 'uuid!~"8.*"',
                'uuid=""', 'uuid=~""', 'gpuuuid="7001"', 'instance="uuid=7001"', 'owner="omar-secret"', 'instance=~"n.*"',
                'uuid=~"(?i)7001|8001"', 'uuid=~"7001\\\\|8001|8001"', 'uuid=~"8001|7001"', 'UUID="7001"', '__name__=~".+"',
                '__name__="cpu"', 'uuid=~"[78]001"', 'uuid=~"(7|8)001"', 'uuid=~"7001?|8001"', 'uuid=~"\\x38001"',
                'instance="\\"},cpu{uuid=\\"7001"', "instance='uuid=\"7001\"'", 'uuid="7001\\x00"', 'uuid=~"7001|8001{1}"')


def pick(*options):
    return R.choice(options)


def blank():
    return pick("", "", "", " ", "\n", '# uuid="7001"\n', "\t")


def matcher():
    return R.choice(OWN_MATCHERS) if R.random() < OWN_SHARE else R.choice(BAD_MATCHERS)


def selector():
    name = R.choice(NAMES + ("",))
    parts = [matcher()] if R.random() < 0.97 else []
    if R.random() < 0.2:
        parts.append(R.choice(('instance=~".*"', 'instance!="x"', 'owner=~".+"', 'gpu=""', 'nothing!~"a"')))
    R.shuffle(parts)
    body = ("," + blank()).join(parts)
    return name + blank() + "{" + blank() + body + pick("", "", ",") * bool(parts) + blank() + "}"


def modifier():
    return pick("", "", "", "", " offset 1m", " offset -1m", f" @ {TIME - 60}", " @ end()", " @ start()")


def ranged(depth):
    if depth > 0 and R.random() < 0.3:
        return f"({vector(depth - 1)})[{pick('5m', '10m')}:{pick('1m', '30s', '')}]" + modifier()
    return selector() + pick("[5m]", "[1h]", "[90s]") + modifier()


def grouping():
    return pick("", "", f" by ({R.choice(LABELS)})", f" without ({R.choice(LABELS)}, instance)")


def matching():
    return pick("", "", " on (uuid)", " ignoring (instance)", " on (uuid) group_left (owner)", " on () group_right ()", " ignoring (uuid, owner)")


def scalar(depth):
    return pick("1", "0.5", "-2", "1e3", "time()", "pi()") if depth <= 0 or R.random() < 0.7 else f"scalar({vector(depth - 1)})"


def vector(depth):
    kind = R.random()
    if depth <= 0 or kind < 0.25:
        return selector() + modifier()
    if kind < 0.4:
        return R.choice(AGGREGATIONS) + grouping() + f"({vector(depth - 1)})"
    if kind < 0.5:
        return R.choice(VECTOR_FUNCTIONS) + f"({blank()}{vector(depth - 1)})"
    if kind < 0.68:
        return R.choice(RANGE_FUNCTIONS) + f"({ranged(depth - 1)})"
    if kind < 0.8:
        return f"{vector(depth - 1)} {pick('+', '-', '*', '/', '==', '> bool', 'and', 'or', 'unless', '%')}{matching()} {vector(depth - 1)}"
    if kind < 0.86:
        return f"{vector(depth - 1)} {pick('+', '*', '>', '== bool', '^')} {scalar(depth - 1)}"
    if kind < 0.9:
        return f'label_replace({vector(depth - 1)}, "{R.choice(LABELS)}", "$1", "{R.choice(LABELS)}", "(.*)")'
    if kind < 0.92:
        return f'label_join({vector(depth - 1)}, "new", "-", "{R.choice(LABELS)}", "uuid")'
    if kind < 0.94:
        return f'count_values("v", {vector(depth - 1)})'
    if kind < 0.96:
        return f"vector({scalar(depth - 1)})"
    return pick("-", "") + f"({vector(depth - 1)})"


def encode(text):
    """Percent-encoding as one may do it: more than needed, in either case, '+' for a blank."""
    out = []
    for byte in text.encode():
        c = chr(byte)
        if c == " " and R.random() < 0.5:
            out.append("+")
        elif c.isalnum() and R.random() < 0.9:
            out.append(c)
        else:
            out.append((pick("%%%02X", "%%%02x")) % byte)
    return "".join(out)


def request():
    """Method, path, parameters."""
    kind = R.random()
    query = vector(R.randrange(4))
    if kind < 0.6:
        return "query", [("query", query), ("time", str(TIME - R.randrange(600)))]
    if kind < 0.8:
        return "query_range", [("query", query), ("start", str(TIME - 1200)), ("end", str(TIME)), ("step", pick("60", "1m", "37"))]
    parameters = [("match[]", selector()) for _ in range(R.randrange(1, 3))] + [("start", str(TIME - 3600)), ("end", str(TIME))]
    return pick("series", "labels", f"label/{R.choice(LABELS)}/values"), parameters


class Server:
    def __init__(self, port, headers):
        self.port, self.headers = port, headers
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)

    def ask(self, method, path, body=None, headers=None):
        try:
            self.connection.request(method, path, body, {**self.headers, **(headers or {})})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (http.client.HTTPException, OSError):
            self.connection.close()
            self.connection.connect()
            return 0, b""


def close(a, b):
    if a == b:
        return True
    try:
        x, y = float(a), float(b)
    except (TypeError, ValueError):
        return False
    return math.isclose(x, y, rel_tol=1e-9, abs_tol=1e-12) or (math.isnan(x) and math.isnan(y))


def rows(data):
    """Of an answer, in an order that doesn't depend on the server."""
    if isinstance(data, list):
        return sorted(json.dumps(item, sort_keys=True) for item in data), []
    result = data["result"]
    if data["resultType"] in ("scalar", "string"):
        return data["resultType"], [("", [result])]
    return data["resultType"], sorted((json.dumps(r["metric"], sort_keys=True), r.get("values") or [r["value"]]) for r in result)


def equal(a, b):
    (kind_a, rows_a), (kind_b, rows_b) = rows(a), rows(b)
    if kind_a != kind_b or len(rows_a) != len(rows_b):
        return False
    for (metric_a, points_a), (metric_b, points_b) in zip(rows_a, rows_b):
        if metric_a != metric_b or len(points_a) != len(points_b):
            return False
        if not all(p[0] == q[0] and close(p[1], q[1]) for p, q in zip(points_a, points_b)):
            return False
    return True


def raw(data):
    """What comes back for these bytes, as far as it comes at once."""
    with socket.create_connection(("127.0.0.1", LB), timeout=5) as s:
        s.sendall(data)
        s.shutdown(socket.SHUT_WR)
        out = b""
        try:
            while len(out) < 1 << 20:
                piece = s.recv(65536)
                if not piece:
                    break
                out += piece
        except OSError:
            pass
        return out


def odd(path, form):
    """The same request in ways that two readers may take differently; bytes."""
    own = encode('cpu{uuid="7001"}')
    bad = encode(pick('cpu', 'cpu{uuid="8001"}', '{owner="omar-secret"}'))
    head = "Host: x\r\nX-Grafana-User: ines\r\nX-Ceems-Cluster-Id: alpha\r\n"
    body = f"query={bad}&time={TIME}"
    choice = R.randrange(14)
    lines = {
        0: f"GET /api/v1/query?query={own}&query={bad}&time={TIME} HTTP/1.1\r\n{head}\r\n",
        1: f"POST /api/v1/query?query={own}&time={TIME} HTTP/1.1\r\n{head}Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\n\r\n{body}",
        2: f"POST /api/v1/query?query={own} HTTP/1.1\r\n{head}Content-Type: {FORM}\r\nContent-Length: 0\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):x}\r\n{body}\r\n0\r\n\r\n",
        3: f"POST /api/v1/query?query={own} HTTP/1.1\r\n{head}Content-Type: {FORM}\r\nContent-Length: {len(body)}\r\nContent-Length: 0\r\n\r\n{body}",
        4: f"GET /api/v1/query?query={own} HTTP/1.1\r\n{head}X-Grafana-User: omar\r\n\r\n",
        5: f"GET /api/v1/query?query={bad} HTTP/1.1\r\n{head}X-Ceems-Admin-User: omar\r\nX-Ceems-Logged-User: ops\r\n\r\n",
        6: f"GET /api/v1/query?query={own};query={bad} HTTP/1.1\r\n{head}\r\n",
        7: f"GET /api/v1/query?%71uery={bad}&query={own} HTTP/1.1\r\n{head}\r\n",
        8: f"POST /api/v1/query?query={own} HTTP/1.1\r\n{head}Content-Type: multipart/form-data; boundary=b\r\nContent-Length: 9\r\n\r\nquery=cpu",
        9: f"GET /api/v1/query?query={own} HTTP/1.1\r\n{head}Content-Length: 30\r\n\r\nGET /api/v1/query?query={bad} HTTP/1.1\r\n{head}\r\n",
        10: f"POST /api/v1/query HTTP/1.1\r\n{head}Content-Type: {FORM}\r\nTransfer-Encoding: chunked\r\n\r\n{len(body):X};x=y\r\n{body}\r\n0\r\n\r\n",
        11: f"GET http://x/api/v1/query?query={bad} HTTP/1.1\r\n{head}\r\n",
        12: f"GET /api/v1/query%3Fquery={bad}?query={own} HTTP/1.1\r\n{head}\r\n",
        13: f"{pick('PUT', 'PATCH', 'HEAD', 'OPTIONS', 'get', 'TRACE')} /api/v1/{path}?{form} HTTP/1.1\r\n{head}\r\n",
    }
    return lines[choice].encode()


DASHBOARD = ['cpu{uuid="7001"}', 'rate(energy_total{uuid="7001"}[5m])', 'avg(cpu{uuid="7001",instance=~"n.*"})',
             'sum without (instance, gpu) (rate(cpu{uuid="7001"}[5m])) / on (uuid) mem{uuid="7001"}',
             'avg_over_time(a:rule{uuid="7001"}[10m:1m])', 'max_over_time(sum by (uuid) (cpu{uuid=~"7001|7002"})[5m:30s]) * 2']

lb, own = Server(LB, HEADERS), Server(OWN, {})
seen = {}
leaks, wrong, refused_legal = [], [], []
allowed = empty = 0
for i in range(N):
    OWN_SHARE = pick(1.0, 1.0, 0.9, 0.5)
    path, parameters = request()
    form = "&".join(f"{encode(k)}={encode(v)}" for k, v in parameters)
    if R.random() < 0.1:
        answer = raw(odd(path, form))
        seen["odd"] = seen.get("odd", 0) + 1
        # Refusals quote the request.
        for part in answer.split(b"HTTP/1.1 "):
            if b'"status":"success"' in part and SECRET.search(part):
                leaks.append(("odd", path, form, part[:300]))
        continue
    if R.random() < 0.3 and not path.startswith("label/"):
        status, body = lb.ask("POST", f"/api/v1/{path}", form, {"Content-Type": FORM})
    else:
        status, body = lb.ask("GET", f"/api/v1/{path}?{form}")
    seen[status] = seen.get(status, 0) + 1
    # A refusal quotes the request; an error of the server only what is bound.
    if status != 403 and status != 400 and SECRET.search(body):
        leaks.append((status, path, form, body[:300]))
    if status == 0 or status >= 500:
        wrong.append((status, path, form, body[:300]))
    if status != 200:
        continue
    allowed += 1
    wanted_status, wanted = own.ask("GET", f"/api/v1/{path}?{form}")
    if wanted_status != 200 or not equal(json.loads(body)["data"], json.loads(wanted)["data"]):
        leaks.append((status, path, urllib.parse.unquote_plus(form), body[:300], wanted[:300]))
    empty += b'"result":[]' in body or b'"data":[]' in body
for query in DASHBOARD * 10:
    status, body = lb.ask("GET", f"/api/v1/query?query={encode(query)}&time={TIME}")
    if status != 200 or b'"result":[]' in body:
        refused_legal.append((status, query, body[:200]))


def tell(number, name, bad):
    print(f"{'not ok' if bad else 'ok'} {number} - {name}")
    for line in bad[:5]:
        print(f"#   {line}")


print(f"# seed {SEED}, {N} requests, answers {dict(sorted(seen.items(), key=str))}, {allowed} allowed of which {empty} empty")
tell(1, f"{allowed} answers are those of a server without others' series", leaks)
tell(2, "none broke anything", wrong)
tell(3, "no query of a dashboard is refused", refused_legal)
tell(4, "a fair part of the requests was allowed, with something in it", [] if allowed - empty > N // 10 else [(allowed, empty)])
print("1..4")
sys.exit(bool(leaks or wrong or refused_legal or allowed - empty <= N // 10))
