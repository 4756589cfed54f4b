#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Kubernetes API server that knows pods and role bindings: fake_kube_api.py DIR

Writes its port to DIR/port and each request to DIR/requests. DIR/pods has a line for each pod:
NAMESPACE NAME UID NODE [HASH]; DIR/objects is a JSON list of whole pods besides. What changes in
them becomes events of the watches. DIR/rolebindings is a JSON list of these. If there is a DIR/token,
requests must show it. What a real server refuses is refused: unknown parameters, a version
together with a continuation, other media types. DIR/fault, if there:
  403      every answer is a refusal, and watches break off
  bindings role bindings may not be listed
  compact  versions before the present one are forgotten, once: the file goes
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
forgotten = 0  # versions up to this one
PARAMETERS = {"limit", "continue", "fieldSelector", "labelSelector", "resourceVersion"}
WATCH_PARAMETERS = {"watch", "allowWatchBookmarks", "timeoutSeconds", "fieldSelector", "labelSelector", "resourceVersion"}


def read(name):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8") as f:
            return f.read()
    except FileNotFoundError:
        return ""


def fault():
    return read("fault").strip()


def pod(fields):
    meta = {"namespace": fields[0], "name": fields[1], "uid": fields[2]}
    if len(fields) > 4:
        meta["annotations"] = {"kubernetes.io/config.hash": fields[4]}
    return {"kind": "Pod", "metadata": meta, "spec": {"nodeName": fields[3]}}


def node_of(item):
    return item.get("spec", {}).get("nodeName")


def key_of(item):
    return item["metadata"]["namespace"], item["metadata"]["name"]


def tell(kind, item):
    """A new version of the item, as an event."""
    global version
    version += 1
    item = dict(item, metadata=dict(item["metadata"], resourceVersion=str(version)))
    events.append((version, node_of(item), {"type": kind, "object": item}))
    return item


def load(name):
    try:
        return json.loads(read(name) or "[]")
    except ValueError:
        return None


def unversioned(item):
    return dict(item, metadata={k: v for k, v in item["metadata"].items() if k != "resourceVersion"})


def follow_files():
    global forgotten
    while True:
        lines = (line.split() for line in read("pods").splitlines())
        objects = load("objects")
        wanted = {key_of(p): p for p in [pod(f) for f in lines if len(f) > 3] + (objects or [])}
        with LOCK:
            for key, item in wanted.items():
                old = pods.get(key)
                if old is not None and old["metadata"]["uid"] != item["metadata"]["uid"]:
                    tell("DELETED", pods.pop(key))
                    old = None
                if old is None or unversioned(old) != item:
                    pods[key] = tell("ADDED" if old is None else "MODIFIED", item)
            for key in [k for k in pods if k not in wanted and objects is not None]:
                tell("DELETED", pods.pop(key))
            if fault() == "compact":
                forgotten = version
                os.remove(os.path.join(DIR, "fault"))
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

    def refuse(self, status, message):
        self.reply(status, json.dumps({"kind": "Status", "code": status, "message": message}).encode())

    def list(self, kind, items, limit, token):
        start = int(token or 0)
        with LOCK:
            meta = {"resourceVersion": str(version)}
        if limit and start + limit < len(items):
            meta["continue"] = str(start + limit)
        page = items[start : start + limit if limit else None]
        self.reply(200, json.dumps({"kind": kind + "List", "metadata": meta, "items": page}).encode())

    def watch(self, node, since, seconds):
        end = time.monotonic() + seconds
        self.send_response(200)
        self.send_header("Transfer-Encoding", "chunked")
        self.end_headers()
        while fault() not in ("gone", "cut", "garbage", "403") and since >= forgotten and time.monotonic() < end:
            with LOCK:
                LOCK.wait(1)
                new = [e for e in events if e[0] > since and node in (None, e[1])]
                bookmark, since = {"metadata": {"resourceVersion": str(version)}}, version
            for _, _, event in new:
                line = json.dumps(event).encode() + b"\n"
                self.chunk(line[:7])
                self.chunk(line[7:])
            self.chunk(json.dumps({"type": "BOOKMARK", "object": bookmark}).encode() + b"\n")
        if fault() == "gone" or since < forgotten:
            status = {"kind": "Status", "code": 410, "message": "too old resource version"}
            self.chunk(json.dumps({"type": "ERROR", "object": status}).encode() + b"\n")
        if fault() in ("cut", "403"):
            self.chunk(b'{"type":"ADD')
            self.close_connection = True
            return
        if fault() == "garbage":
            self.chunk(b"garbage\n")
        self.chunk(b"")

    def is_bad(self, query):
        token = read("token").strip()
        watch = query.get("watch") == "true"
        unknown = set(query) - (WATCH_PARAMETERS if watch else PARAMETERS)
        if token and self.headers.get("Authorization") != "Bearer " + token:
            self.refuse(401, "Unauthorized")
        elif unknown:
            self.refuse(400, "unknown parameters: %s" % " ".join(sorted(unknown)))
        elif "continue" in query and "resourceVersion" in query:
            self.refuse(400, "specifying resource version is not allowed when using continue")
        elif watch and not query.get("resourceVersion", "").isdigit():
            self.refuse(400, "invalid resource version")
        elif "application/json" not in self.headers.get("Accept", ""):
            self.refuse(406, "only application/json is served")
        else:
            return False
        return True

    def get_pods(self, query):
        node = query.get("fieldSelector", "").partition("spec.nodeName=")[2] or None
        if query.get("watch") == "true":
            self.watch(node, int(query["resourceVersion"]), int(query.get("timeoutSeconds", 1800)))
        elif fault() == "garbage":
            self.reply(200, b"<html>")
        else:
            with LOCK:
                items = [p for _, p in sorted(pods.items()) if node in (None, node_of(p))]
            self.list("Pod", items, int(query.get("limit", 0)), query.get("continue"))

    def do_GET(self):
        url = urllib.parse.urlsplit(self.path)
        query = dict(urllib.parse.parse_qsl(url.query))
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(self.path + "\n")
        while fault() == "hang":
            time.sleep(POLL_S)
        if fault() == "403":
            self.refuse(403, "pods is forbidden")
        elif self.is_bad(query):
            pass
        elif url.path == "/api/v1/pods":
            self.get_pods(query)
        elif url.path == "/apis/rbac.authorization.k8s.io/v1/rolebindings":
            if fault() == "bindings":
                self.refuse(403, "rolebindings is forbidden")
            else:
                self.list("RoleBinding", load("rolebindings") or [], int(query.get("limit", 0)), query.get("continue"))
        else:
            self.refuse(404, "the server could not find the requested resource")


threading.Thread(target=follow_files, daemon=True).start()
server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
