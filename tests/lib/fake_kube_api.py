#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server that knows pods only: fake_kube_api.py DIR

Writes its port to DIR/port and each request to DIR/requests. DIR/pods has a line for each pod:
NAMESPACE NAME UID NODE [HASH]; what changes in it becomes events of the watches. DIR/fault, if there:
  403      every answer is a refusal
  garbage  lists and events are no JSON
  hang     nothing is answered
  gone     every watch is told that its version is too old
  cut      watches break off in the middle of a line
"""
import json
import os
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
LOCK = threading.Condition()
POLL_S = 0.02
pods = {}  # (namespace, name) -> object
events = []  # (version, node, event)
version = 10


def read(name):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def fault():
    return read("fault").strip()


def pod(fields):
    meta = {"namespace": fields[0], "name": fields[1], "uid": fields[2], "resourceVersion": str(version)}
    if len(fields) > 4:
        meta["annotations"] = {"kubernetes.io/config.hash": fields[4]}
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": fields[3]}}


def tell(kind, item):
    events.append((version, item["spec"]["nodeName"], {"type": kind, "object": item}))


def follow_file():
    global version
    while True:
        wanted = {tuple(f[:2]): f for f in (line.split() for line in read("pods").splitlines()) if len(f) > 3}
        with LOCK:
            for key, fields in wanted.items():
                old = pods.get(key)
                if old is None or old["metadata"]["uid"] != fields[2]:
                    version += 1
                    if old is not None:
                        tell("DELETED", old)
                    pods[key] = pod(fields)
                    tell("ADDED", pods[key])
            for key in [k for k in pods if k not in wanted]:
                version += 1
                tell("DELETED", pods.pop(key))
            LOCK.notify_all()
        time.sleep(POLL_S)


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body):
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def chunk(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def list(self, node, limit, token):
        start = int(token or 0)
        with LOCK:
            items = [p for _, p in sorted(pods.items()) if node in (None, p["spec"]["nodeName"])]
            meta = {"resourceVersion": str(version)}
        if limit and start + limit < len(items):
            meta["continue"] = str(start + limit)
        page = items[start : start + limit if limit else None]
        self.reply(200, json.dumps({"kind": "PodList", "metadata": meta, "items": page}).encode())

    def watch(self, node, since):
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        if fault() == "gone":
            status = {"kind": "Status", "code": 410, "message": "too old resource version"}
            self.chunk(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
        while fault() not in ("gone", "cut", "garbage"):
            with LOCK:
                LOCK.wait(1)
                new = [e for e in events if e[0] > since and node in (None, e[1])]
                bookmark, since = {"metadata": {"resourceVersion": str(version)}}, version
            for _, _, event in new:
                line = json.dumps(event).encode() + b"\n"
                self.chunk(line[:7])
                self.chunk(line[7:])
            self.chunk(json.dumps({"type": "BOOKMARK", "object": bookmark}).encode() + b"\n")
        if fault() == "cut":
            self.chunk(b'{"type":"ADD')
            self.close_connection = True
            return
        if fault() == "garbage":
            self.chunk(b"garbage\n")
        self.chunk(b"")

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        node = query.get("fieldSelector", "").partition("spec.nodeName=")[2] or None
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(self.path + "\n")
        while fault() == "hang":
            time.sleep(POLL_S)
        if url.path != "/api/v1/pods":
            self.reply(404, b"{}")
        elif fault() == "403":
            self.reply(403, b'{"kind":"Status","message":"pods is forbidden"}')
        elif query.get("watch") == "true":
            self.watch(node, int(query["resourceVersion"]))
        elif fault() == "garbage":
            self.reply(200, b"<html>")
        else:
            self.list(node, int(query.get("limit", 0)), query.get("continue"))


threading.Thread(target=follow_file, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
