#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Three services of emission factors: fake_emissions.py DIR

Below http://127.0.0.1:PORT: /rte (the records of a data set), /emaps (zones, carbon-intensity/latest), /wt (login,
v3/historical). Writes PORT to DIR/port, each request to DIR/requests (a JSON list: path, parameters, headers) and the
most requests that were in work at a time to DIR/parallel. DIR/fault, if there, has lines "PATH FAULT": requests whose
path begins with PATH go wrong. Faults: hang, status-N, empty, garbage, huge, nothing (a valid reply without a value).
DIR/zones, if there, is how many zones more than the usual four there are.
"""
import json
import os
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
LOCK = threading.Lock()
BUSY = [0, 0]
NOTHING = {
    "/rte": {"total_count": 0, "results": []},
    "/emaps/zones": {},
    "/emaps/carbon-intensity/latest": {"zone": "FR", "carbonIntensity": None},
    "/wt/login": {},
    "/wt/v3/historical": {"data": [], "meta": {"warnings": [{"message": "the region's data are late"}]}},
}


def read(name):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def fault_of(path):
    for line in read("fault").splitlines():
        where, fault = line.split()
        if path.startswith(where):
            return fault
    return ""


def zones():
    listed = {
        "FR": {"zoneName": "France"},
        "IN-WE": {"countryName": "India", "zoneName": "Western India"},
        "DK": {"countryName": "Denmark"},
        "XX": {"access": ["*"]},
    }
    for i in range(int(read("zones") or 0)):
        listed["Z%04d" % i] = {"zoneName": "Zone %d" % i}
    return listed


def answer(path, params, headers):
    """The status and the object of a good reply."""
    if path == "/rte":
        return 200, {"total_count": 3, "results": [{"taux_co2": 32, "date_heure": "2031-05-06T07:00:00+00:00"}]}
    if path == "/emaps/zones":
        return 200, zones()
    if path == "/emaps/carbon-intensity/latest":
        if headers.get("auth-token") != "emaps-secret":
            return 401, {"error": "Request unauthorized"}
        zone = params["zone"][0]
        values = {"FR": 41, "IN-WE": 612.5, "DK": 0, "XX": 7}
        return 200, {"zone": zone, "carbonIntensity": values.get(zone, 100)}
    if path == "/wt/login":
        # alice:wt-secret
        if headers.get("Authorization") != "Basic YWxpY2U6d3Qtc2VjcmV0":
            return 403, {"error": "no"}
        return 200, {"token": "wt-token"}
    if path == "/wt/v3/historical":
        if headers.get("Authorization") != "Bearer wt-token":
            return 401, {"error": "no"}
        return 200, {"data": [{"point_time": "x", "value": 1}, {"point_time": "y", "value": 1000}], "meta": {}}
    return 404, {}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def send(self, status, body):
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def go_wrong(self, fault, path):
        if fault == "hang":
            time.sleep(600)
        elif fault.startswith("status-"):
            self.send(int(fault[7:]), b"{}")
        elif fault == "empty":
            self.send(200, b"")
        elif fault == "garbage":
            self.send(200, b"<html>\xff\x00{]")
        elif fault == "huge":
            self.send(200, b"[" * (8 << 20))
        elif fault == "nothing":
            self.send(200, json.dumps(NOTHING[path]).encode())

    def serve(self):
        # Through a proxy the whole address stands here.
        url = urllib.parse.urlsplit(self.path)
        params = urllib.parse.parse_qs(url.query)
        with LOCK, open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps([self.path.split("?")[0], params, dict(self.headers)]) + "\n")
        fault = fault_of(url.path)
        if fault:
            return self.go_wrong(fault, url.path)
        status, reply = answer(url.path, params, self.headers)
        return self.send(status, json.dumps(reply).encode())

    def do_GET(self):
        with LOCK:
            BUSY[0] += 1
            BUSY[1] = max(BUSY)
            with open(os.path.join(DIR, "parallel"), "w", encoding="utf-8") as f:
                f.write(str(BUSY[1]))
        try:
            self.serve()
        except (BrokenPipeError, ConnectionResetError):
            pass
        with LOCK:
            BUSY[0] -= 1


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


server = Server(("127.0.0.1", 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
