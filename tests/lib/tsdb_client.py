# SPDX-License-Identifier: Apache-2.0
"""Asks a Prometheus, or what answers like one, and takes its answers apart."""
import http.client
import json
import math
import urllib.parse


class Server:
    def __init__(self, port, headers):
        self.headers = headers
        self.connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)

    def ask(self, path, parameters):
        self.connection.request("GET", f"/api/v1/{path}?{urllib.parse.urlencode(parameters)}", None, self.headers)
        answer = self.connection.getresponse()
        return answer.status, answer.read()


def points(body):
    """{(series, time): value}"""
    data = json.loads(body)["data"]
    return {(json.dumps(r["metric"], sort_keys=True), t): float(v)
            for r in data["result"] for t, v in (r.get("values") or [r["value"]])}


def same(a, b):
    return math.isclose(a, b, rel_tol=1e-9, abs_tol=1e-9) or (math.isnan(a) and math.isnan(b))


def is_part(some, whole):
    return all(k in whole and same(v, whole[k]) for k, v in some.items())
