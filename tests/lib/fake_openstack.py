#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Keystone v3 and Nova v2.1 as their API references describe them: fake_openstack.py DIR

Serves /v3 and /v2.1 on one port, which it writes to DIR/port, from DIR/cloud.json (read anew for each
request): {"password": TEXT, "users": [{"id", "name"}], "projects": [...], "members": {USER_ID: [PROJECT_ID]},
"servers": [SERVER]}. A SERVER is the object that Nova would show; what is left out has a default. Times may be
numbers (Unix time).

Strict: a request that the real services would refuse, or that has what they ignore, is answered 400 and noted in
DIR/violations. Each request is a line of DIR/requests: method, path, query. DIR/tokens holds a line for each token,
DIR/parallel the largest number of requests at once. DIR/page is the page size of Nova (1000), DIR/expired the
number of tokens that have expired. DIR/fault has a line for each fault:

  token:STATUS  users:STATUS  projects:USER_ID:STATUS  servers:STATUS  deleted:STATUS   answer with this status
  garbage  servers are no JSON          cut      they end in the middle
  hang     they never come              huge     a page of 70 MB, unless it is asked for with limit
  loop     pages without an end         old      Nova of microversion 2.38
  down     one cell of Nova is down     echo     a refused token request repeats the request
"""
import json
import os
import re
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
LOCK = threading.Lock()
tokens = []  # all that were issued
active = largest = 0
QUERY = {"all_tenants", "deleted", "changes-since", "limit", "marker"}


def read(name, fallback=""):
    try:
        with open(os.path.join(DIR, name), encoding="utf-8") as f:
            return f.read().strip() or fallback
    except FileNotFoundError:
        return fallback


def append(name, text):
    with LOCK, open(os.path.join(DIR, name), "a", encoding="utf-8") as f:
        f.write(text + "\n")


def faults():
    return read("fault").split()


def status_of(what):
    for fault in faults():
        if fault.startswith(what + ":"):
            return int(fault.rpartition(":")[2])
    return 0


def stamp(value, fraction):
    if value is None or isinstance(value, str):
        return value
    text = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(value))
    return text + (".000000" if fraction else "Z")


def seconds(text):
    found = re.fullmatch(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(Z|[+-]\d\d:?\d\d)", text)
    if not found:
        raise ValueError("bad time " + text)
    base = __import__("calendar").timegm(time.strptime(found.group(1), "%Y-%m-%dT%H:%M:%S"))
    zone = found.group(2).replace(":", "")
    if zone == "Z":
        return base
    east = (int(zone[1:3]) * 60 + int(zone[3:])) * 60
    return base - east if zone[0] == "+" else base + east


def show(server):
    """The server as Nova 2.47 and later shows it."""
    flavor = {"vcpus": 1, "ram": 512, "disk": 1, "ephemeral": 0, "swap": 0, "original_name": "m1.tiny",
              "extra_specs": {}}
    flavor.update(server.get("flavor", {}))
    full = {"name": server["id"], "status": "ACTIVE", "metadata": {}, "tags": [], "OS-EXT-STS:power_state": 1,
            "OS-EXT-AZ:availability_zone": "nova", "OS-EXT-SRV-ATTR:reservation_id": "r-1",
            "OS-EXT-SRV-ATTR:host": "hidden-host", "OS-SRV-USG:launched_at": None,
            "OS-SRV-USG:terminated_at": None, "links": []}
    full.update(server)
    full["flavor"] = flavor
    full.setdefault("created", full["OS-SRV-USG:launched_at"])
    full.setdefault("updated", full["OS-SRV-USG:launched_at"] or full["created"])
    for key in ("created", "updated"):
        full[key] = stamp(full[key], False)
    for key in ("OS-SRV-USG:launched_at", "OS-SRV-USG:terminated_at"):
        full[key] = stamp(full[key], True)
    return full


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body, headers=()):
        body = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def refuse(self, status, message, wrapper="error"):
        self.reply(status, {wrapper: {"message": message, "code": status}})

    def violation(self, text):
        append("violations", "%s %s: %s" % (self.command, self.path, text))
        self.refuse(400, text)

    def handle_any(self):
        global active, largest
        with LOCK:
            active += 1
            if active > largest:
                largest = active
                with open(os.path.join(DIR, "parallel"), "w", encoding="utf-8") as f:
                    f.write(str(largest))
        try:
            self.answer()
        except (ConnectionError, TimeoutError):
            pass  # the client had enough
        finally:
            with LOCK:
                active -= 1

    do_GET = do_POST = handle_any

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        append("requests", "%s %s %s" % (self.command, url.path, url.query))
        self.cloud = json.loads(read("cloud.json", "{}"))
        versions = self.headers.get_all("X-OpenStack-Nova-API-Version") or []
        if len(versions) != 1:
            return self.violation("headers of the microversion: %r" % versions)
        if url.path == "/v3/auth/tokens" and self.command == "POST":
            return self.token()
        if self.command != "GET":
            return self.violation("method")
        sent = self.headers.get_all("X-Auth-Token") or []
        if len(sent) != 1:
            return self.violation("%d tokens" % len(sent))
        if sent[0] not in tokens[int(read("expired", "0")):]:
            return self.refuse(401, "The request you have made requires authentication.")
        if url.path == "/v3/users":
            return self.users(url)
        found = re.fullmatch("/v3/users/([^/]+)/projects", url.path)
        if found:
            return self.projects(urllib.parse.unquote(found.group(1)))
        if url.path == "/v2.1/servers/detail":
            return self.servers(url, versions[0])
        return self.violation("unknown path")

    def token(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        if self.headers.get("Content-Type") != "application/json":
            return self.violation("content type")
        if "X-Auth-Token" in self.headers:
            return self.violation("a token request with a token")
        request = json.loads(body)
        if set(request) != {"auth"} or not set(request["auth"]) <= {"identity", "scope"}:
            return self.violation("token request")
        if status_of("token"):
            message = "refused" if "echo" not in faults() else "%s is not of type 'integer'" % body
            return self.refuse(status_of("token"), message)
        identity = request["auth"]["identity"]
        if identity.get("methods") != ["password"]:
            return self.violation("methods")
        if identity["password"]["user"]["password"] != self.cloud["password"]:
            return self.refuse(401, "The request you have made requires authentication.")
        value = "token-%d-%s" % (len(tokens), os.urandom(8).hex())
        tokens.append(value)
        append("tokens", value)
        return self.reply(201, {"token": {"methods": ["password"], "catalog": []}}, [("X-Subject-Token", value)])

    def users(self, url):
        if url.query:
            return self.violation("query")
        if status_of("users"):
            return self.refuse(status_of("users"), "no users today")
        return self.reply(200, {"users": self.cloud["users"], "links": {"next": None, "previous": None}})

    def projects(self, user):
        if user not in [u["id"] for u in self.cloud["users"]]:
            return self.refuse(404, "Could not find user: %s." % user)
        if status_of("projects:" + user):
            return self.refuse(status_of("projects:" + user), "no projects today")
        ids = self.cloud["members"].get(user, [])
        found = [p for p in self.cloud["projects"] if p["id"] in ids]
        return self.reply(200, {"projects": found, "links": {"next": None}})

    def check_query(self, query):
        names = [name for name, _ in query]
        if len(set(names)) != len(names) or not set(names) <= QUERY:
            return "query"
        query = dict(query)
        if query.get("all_tenants") != "true":
            return "all_tenants"
        if ("deleted" in query) != ("changes-since" in query) or query.get("deleted", "true") != "true":
            return "deleted"
        if "changes-since" in query:
            seconds(query["changes-since"])
        return None

    def servers(self, url, version):
        highest = "2.38" if "old" in faults() else "2.93"
        if version != "latest" and tuple(map(int, version.split("."))) > tuple(map(int, highest.split("."))):
            return self.refuse(406, "Version %s is not supported by the API." % version, "computeFault")
        query = urllib.parse.parse_qsl(url.query, strict_parsing=True, keep_blank_values=True)
        wrong = self.check_query(query)
        if wrong:
            return self.violation(wrong)
        return self.list(dict(query), [("X-OpenStack-Nova-API-Version", highest if version == "latest" else version)])

    def list(self, query, headers):
        deleted = "deleted" in query
        if status_of("deleted" if deleted else "servers"):
            return self.refuse(status_of("deleted" if deleted else "servers"), "no servers today", "computeFault")
        while "hang" in faults():
            time.sleep(0.05)
        found = [s for s in map(show, self.cloud["servers"]) if (s["status"] == "DELETED") == deleted]
        if deleted:
            found = [s for s in found if seconds(s["updated"]) >= seconds(query["changes-since"])]
        ids = [s["id"] for s in found]
        page = min(int(query.get("limit", 1000)), int(read("page", "1000")))
        start = 0
        if "marker" in query:
            if query["marker"] not in ids and "loop" not in faults():
                return self.refuse(400, "marker [%s] not found" % query["marker"], "badRequest")
            start = 0 if "loop" in faults() else ids.index(query["marker"]) + 1
        body = {"servers": found[start : start + page]}
        if start + page < len(found) or "loop" in faults():
            link = dict(query, marker=body["servers"][-1]["id"])
            # As behind a proxy that Nova knows nothing of.
            body["servers_links"] = [{"rel": "next", "href": "http://nova.invalid:8774/v2.1/servers/detail?"
                                      + urllib.parse.urlencode(link)}]
        if "old" in faults():
            for server in body["servers"]:
                server["flavor"] = {"id": "1", "links": []}
        if "down" in faults():
            body["servers"] = [{k: s[k] for k in ("id", "tenant_id", "created", "links")} | {"status": "UNKNOWN"}
                               for s in body["servers"]]
        text = json.dumps(body).encode()
        if "garbage" in faults():
            text = b"<html>"
        if "cut" in faults():
            text = text[: len(text) // 2]
        if "huge" in faults() and "limit" not in query:
            text = text[:-1] + b" " * (70 << 20) + b"}"
        return self.reply(200, text, headers)


class Server(ThreadingHTTPServer):
    request_queue_size = 128


server = Server(("127.0.0.1", int(sys.argv[2]) if len(sys.argv) > 2 else 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
