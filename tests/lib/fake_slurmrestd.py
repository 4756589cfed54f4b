#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A stand-in for slurmrestd with the plugin slurmdbd, v0.0.40: fake_slurmrestd.py DIR

As strict as the API: a request needs the token of DIR/token in X-SLURM-USER-TOKEN, parameters that
the API doesn't have and times that are no "uts" are refused. Writes its port to DIR/port and each
request to DIR/requests. DIR/jobs is a JSON list of jobs as the API gives them; those that existed
between start_time and end_time are answered, and the error 9003 if there are none. DIR/mode: ok
(also when absent), down (500 with an error), huge (spans of more than 10 minutes are too long).
"""
import json
import os
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
PARAMETERS = ["start_time", "end_time", "skip_steps", "show_duplicates", "cluster"]
ASSOCIATIONS = [("astro", "mira", "main"), ("bio", "zoe", "main"), ("other", "eve", "far"),
                ("root", "root", "main"), ("astro", "", "main")]


def read(name, fallback):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8", errors="surrogateescape") as f:
            return f.read().strip() or fallback
    except FileNotFoundError:
        return fallback


def number(value):
    return {"set": True, "infinite": False, "number": value}


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body):
        if not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode(errors="surrogateescape")
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)

    def error(self, status, code, text):
        self.reply(status, {"errors": [{"error_number": code, "error": text,
                                        "description": text}], "warnings": []})

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        params = dict(urllib.parse.parse_qsl(url.query, strict_parsing=bool(url.query)))
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps([url.path, params]) + "\n")
        if self.headers.get("X-SLURM-USER-TOKEN") != read("token", "?"):
            return self.reply(401, b"Authentication failure")
        if read("mode", "ok") == "down":
            return self.error(500, 7000, "Unable to contact slurm database")
        if url.path == "/openapi/v3":
            return self.reply(200, {"paths": {
                "/slurm/v0.0.40/jobs/": {}, "/slurmdb/v0.0.39/jobs/": {},
                "/slurmdb/v0.0.40/jobs/": {"get": {"parameters": [
                    {"name": name} for name in PARAMETERS]}}}})
        if url.path == "/slurmdb/v0.0.40/associations":
            return self.reply(200, {"errors": [], "associations": [
                {"account": a, "user": u, "cluster": c} for a, u, c in ASSOCIATIONS]})
        if url.path == "/slurmdb/v0.0.40/jobs":
            return self.jobs(params)
        return self.error(404, 9001, "Unable find requested URL")

    def jobs(self, params):
        if set(params) - set(PARAMETERS):
            return self.error(500, 9000, "Unknown Query field")
        if not all(params[p].startswith("uts") for p in ("start_time", "end_time")):
            return self.error(500, 9000, "Unable to parse time format")
        begin, end = int(params["start_time"][3:]), int(params["end_time"][3:])
        if read("mode", "ok") == "huge" and end - begin > 600:
            return self.reply(200, b"[" * (65 << 20))
        jobs = [j for j in json.loads(read("jobs", "[]"))
                if j["time"]["start"] < end and (not j["time"]["end"] or j["time"]["end"] >= begin)
                and params.get("cluster", j["cluster"]) == j["cluster"]]
        if not jobs:
            return self.error(200, 9003, "Nothing found with query")
        for job in jobs:
            job["time"] = {k: number(v) for k, v in job["time"].items()}
        return self.reply(200, {"errors": [], "jobs": jobs})


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
