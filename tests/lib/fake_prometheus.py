#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for Prometheus: fake_prometheus.py DIR

Writes its port to DIR/port and each request to DIR/requests. DIR/mode says how it answers: ok (also
when absent), down (503), denied (401), bad (400), get_only (405 to POST), slow (422 as VictoriaMetrics
says it), no_flags (but all else), partial, garbage, huge, hang. A query longer than DIR/max_query_bytes is refused (422).
DIR/values is a JSON object {text of the query: value}: a query that contains the text answers with
the value for every uuid that it asks for; others answer with an empty vector. The value "made up"
is a number of eighths that depends on the text, the uuid and the time of the query only.
DIR/intervals holds the intervals of scrapes and of rules, "10s 5s" if absent.
"""
import json
import os
import re
import sys
import time
import urllib.parse
import zlib
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
CONFIG = "global:\n  scrape_interval: {0}\n  evaluation_interval: {1}\n"


def read(name, fallback):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8") as f:
            return f.read().strip() or fallback
    except FileNotFoundError:
        return fallback


def made_up(*key):
    return zlib.crc32("\n".join(key).encode()) % 8000 / 8


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body, kind="application/json"):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def success(self, data):
        self.reply(200, {"status": "success", "data": data})

    def handle_any(self, method):
        try:
            self.answer(method)
        except ConnectionError:
            pass  # the client had enough

    def answer(self, method):
        url = urllib.parse.urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        params = urllib.parse.parse_qs(url.query + "&" + text)
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps([method, url.path, params]) + "\n")
        mode = read("mode", "ok")
        if mode == "down":
            return self.reply(503, b"away", "text/plain")
        if mode == "denied":
            return self.reply(401, b"no", "text/plain")
        if mode == "garbage":
            return self.reply(200, b"<html>hello", "text/html")
        if mode == "huge":
            return self.reply(200, b"[" * (70 << 20))
        if mode == "hang":
            time.sleep(30)
            return self.reply(503, b"", "text/plain")
        if mode == "get_only" and method == "POST":
            return self.reply(405, b"", "text/plain")
        if url.path.endswith("/status/config"):
            return self.success({"yaml": CONFIG.format(*read("intervals", "10s 5s").split())})
        if mode == "no_flags" and re.search("/status/(flags|runtimeinfo)$", url.path):
            return self.reply(400, b"unsupported path requested", "text/plain")
        if url.path.endswith("/status/flags"):
            return self.success({"query.max-samples": read("max_samples", "50000000"),
                                 "query.timeout": "2m", "query.lookback-delta": "5m"})
        if url.path.endswith("/status/runtimeinfo"):
            return self.success({"storageRetention": "15d"})
        if url.path.endswith("/delete_series"):
            self.send_response(204)
            self.end_headers()
            return None
        if url.path.endswith("/query"):
            return self.query(params, mode)
        return self.reply(404, b"", "text/plain")

    def refuse(self, why):
        self.reply(422, {"status": "error", "errorType": "422", "error": why})

    def query(self, params, mode):
        query = params["query"][0]
        if mode == "bad" or "broken" in query:
            return self.reply(400, {"status": "error", "errorType": "bad_data",
                                    "error": "parse error"})
        if mode == "slow":
            return self.refuse("timeout exceeded before starting the query processing: 30.000 seconds")
        if len(query) > int(read("max_query_bytes", "1000000000")):
            return self.refuse("too long query")
        found = re.search(r'uuid=~"([^"]*)"', query)
        result = []
        for text, value in json.loads(read("values", "{}")).items():
            if text in query:
                uuids = found.group(1).split("|") if found else []
                result = [{"metric": {"uuid": u}, "value": [1, str(
                    value if value != "made up" else made_up(text, u, params["time"][0]))]}
                          for u in uuids]
        if mode == "partial":
            return self.reply(200, {"status": "success", "isPartial": True,
                                    "data": {"resultType": "vector", "result": result}})
        return self.success({"resultType": "vector", "result": result})

    def do_GET(self):
        self.handle_any("GET")

    def do_POST(self):
        self.handle_any("POST")


server = ThreadingHTTPServer(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
