# SPDX-License-Identifier: Apache-2.0
"""Asks an API server at random, by its own description (/swagger/doc.json), and checks what every
answer must be: no server error, the envelope, fields and types of the models, statuses that the
description names, nothing of administrators for others. Usage: URL [--seed N] [--requests N |
--seconds N]. The seed is printed; the same seed asks the same."""
import argparse
import http.client
import json
import random
import socket
import sys
import time
import urllib.parse

USERS = ["mira", "otto", "zoe", "eve", "nobody", "ns1:svc", "boss", "ceems-int-svc"]
ADMINS = ["boss"]
WORDS = ["hpc-a", "hpc-b", "kube", "astro", "chem", "ns1", "ns2", "101", "103", "300", "pod-1", "mira",
         "otto", "admin", "UTC", "Europe/Berlin", "Mars/Base", "../../etc/passwd", "uuid", "name", "true",
         "false", "1", "0", "", "*", "%", "_", "'", "\"", "\\", "null", "[]", "{}", "a" * 300]
TIMES = ["0", "1", "-1", "1933480800", "1933484400", "1933483500", "9223372036854775807",
         "-9223372036854775808", "9223372036854775808", "1e3", "1.5", "", " 1", "0x10", "253402300800",
         "now", "1933480800 "]
HEADERS = [("Accept-Encoding", ["gzip", "deflate", "gzip;q=0", "br", "*", ";q=,", "x" * 200]),
           ("Origin", ["https://g.example", "null", "http://[", "x" * 500]),
           ("X-Forwarded-For", ["198.51.100.7", "junk", "::1, 10.0.0.1", "," * 100]),
           ("X-Real-IP", ["198.51.100.7", "2001:db8::1", "%"]),
           ("Accept", ["application/json", "text/html", "*/*;q=0.1", ""]),
           ("Range", ["bytes=0-1"]), ("If-None-Match", ["*"]), ("Expect", ["100-continue"]),
           ("X-Ceems-Logged-User", ["boss"]), ("Authorization", ["Basic !!", "Bearer x", "Basic Ym9zczp4"])]
METHODS = ["HEAD", "OPTIONS", "POST", "PUT", "DELETE", "PATCH", "TRACE", "X-OTHER"]
TYPES = {"string": str, "integer": int, "number": (int, float), "object": dict, "array": list}


class Wrong(Exception):
    pass


def need(truth, text):
    if not truth:
        raise Wrong(text)


class Fuzzer:
    def __init__(self, url, seed):
        self.url = urllib.parse.urlsplit(url)
        self.random = random.Random(seed)
        self.connection = None
        status, _, body = self.ask("GET", "/swagger/doc.json", {})
        need(status == 200, "no description")
        self.doc = json.loads(body)
        self.paths = sorted(self.doc["paths"])
        self.counts = {}

    def connect(self):
        self.connection = http.client.HTTPConnection(self.url.hostname, self.url.port, timeout=60)

    def ask(self, method, target, headers, body=None):
        for attempt in (0, 1):
            if not self.connection:
                self.connect()
            try:
                self.connection.putrequest(method, target, skip_accept_encoding=True)
                for name, value in headers.items():
                    self.connection.putheader(name, value)
                if body is not None:
                    self.connection.putheader("Content-Length", str(len(body)))
                self.connection.endheaders(body)
                reply = self.connection.getresponse()
                return reply.status, reply.headers, reply.read()
            except (http.client.HTTPException, OSError):
                # A kept connection may have been closed meanwhile; a fresh one must answer.
                self.connection = None
                if attempt:
                    raise

    def value(self, parameter):
        r = self.random
        schema = parameter.get("items", parameter)
        kind = r.randrange(10)
        if kind < 4 and "enum" in schema:
            return r.choice(schema["enum"])
        if kind < 6 and schema["type"] == "integer":
            return r.choice(TIMES)
        if kind < 9:
            return r.choice(WORDS)
        return "".join(chr(r.choice([r.randrange(1, 128), r.randrange(128, 0x3000)]))
                       for _ in range(r.randrange(30)))

    def quote(self, text):
        how = self.random.randrange(8)
        if how == 0:
            return "".join("%%%02x" % b for b in text.encode())
        if how == 1:
            return urllib.parse.quote_plus(text) + self.random.choice(["%", "%2", "%zz", "%00", ";", "%ff", "=x"])
        return urllib.parse.quote_plus(text)

    def query(self, operation):
        r = self.random
        parameters = [p for p in operation["parameters"] if p["in"] == "query"]
        pairs = []
        for _ in range(r.choice([0, 1, 1, 2, 3, 6, 20]) if parameters else 0):
            p = r.choice(parameters)
            pairs.append(p["name"] + (r.choice(["", "="]) if r.randrange(12) == 0
                                      else "=" + self.quote(self.value(p))))
        if r.randrange(6) == 0:
            pairs.append(r.choice(["user=mira", "logged_user=boss", "x", "=", "&&", "a=b;c=d", "field=id"]))
        if r.randrange(40) == 0:
            pairs += ["uuid=%d" % i for i in range(1500)]
        r.shuffle(pairs)
        return "&".join(pairs)

    def one(self):
        r = self.random
        path = r.choice(self.paths)
        operation = self.doc["paths"][path]["get"]
        wants_user = any(p["in"] == "header" for p in operation["parameters"])
        headers = {}
        user = None
        if r.randrange(12):
            user = r.choice(USERS) if r.randrange(8) else "".join(
                chr(r.randrange(33, 256)) for _ in range(r.randrange(1, 20))).strip()
            headers["X-Grafana-User"] = user.encode("latin-1")
        for name, values in HEADERS:
            if r.randrange(10) == 0:
                headers[name] = r.choice(values)
        query = self.query(operation)
        target = self.doc["basePath"] + path + ("?" + query if query or r.randrange(20) == 0 else "")
        method = "GET" if r.randrange(12) else r.choice(METHODS)
        body = b"uuid=101&user=boss" if method == "POST" or r.randrange(50) == 0 else None
        status, reply, data = self.ask(method, target, headers, body)
        self.counts[status] = self.counts.get(status, 0) + 1
        try:
            need(status < 500, "a server error")
            self.check(path, operation, method, user if wants_user else None, status, reply, data)
        except Wrong as e:
            raise Wrong("%s: %s %s as %r: %d %r" % (e, method, target, user, status, data[:300]))

    def check(self, path, operation, method, user, status, reply, data):
        if method not in ("GET", "HEAD"):
            need(status in (200, 405, 417) if method == "OPTIONS" else status in (405, 413, 417),
                 "a method that is none")
            return
        if status in (413, 417, 431):
            return
        need(str(status) in operation["responses"], "a status that is not described")
        if path.endswith("admin") and status == 200:
            need(user in ADMINS + ["ceems-int-svc"], "an administrator's answer")
        if method == "HEAD" or reply.get("Content-Encoding"):
            return
        need(reply.get("Content-Type") == "application/json", "not JSON")
        self.check_envelope(operation["responses"][str(status)]["schema"], status, json.loads(data))

    def resolve(self, schema):
        return self.doc["definitions"][schema["$ref"].rsplit("/", 1)[1]] if "$ref" in schema else schema

    def check_envelope(self, schema, status, root):
        allowed = self.resolve(schema)["properties"]
        need(list(root)[:2] == ["status", "data"] and set(root) <= set(allowed), "not the envelope")
        need(root["status"] == ("success" if status == 200 else "error"), "not the status")
        need((status == 200) != ("error" in root and "errorType" in root), "an error or not")
        item = self.resolve(allowed["data"]["items"])
        if root["data"] is None:
            need(status != 200 or "properties" not in item, "rows are null")
            return
        for row in root["data"]:
            for name, value in row.items():
                need(name in item["properties"], "field " + name)
                kind = item["properties"][name]["type"]
                need(isinstance(value, TYPES[kind]) or (value is None and kind == "array"), "type of " + name)

    def raw(self):
        """A damaged request: any answer or none, but the next one must be right."""
        r = self.random
        text = bytearray(("GET %s%s?field=uuid HTTP/1.1\r\nHost: x\r\nX-Grafana-User: mira\r\n\r\n" % (
            self.doc["basePath"], r.choice(self.paths))).encode())
        for _ in range(r.randrange(1, 6)):
            i = r.randrange(len(text))
            text[i:i + r.randrange(3)] = bytes(r.randrange(256) for _ in range(r.randrange(4)))
        with socket.create_connection((self.url.hostname, self.url.port), timeout=60) as s:
            try:
                s.sendall(text)
                s.shutdown(socket.SHUT_WR)
                reply = s.recv(65536)
            except OSError:
                return
        need(not reply.startswith(b"HTTP/1.1 50") or reply.startswith(b"HTTP/1.1 50%d" % 1) or
             reply.startswith(b"HTTP/1.1 505"), "a server error: %r for %r" % (reply[:100], bytes(text)))


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("url")
    parser.add_argument("--seed", type=int, default=None)
    parser.add_argument("--requests", type=int, default=1500)
    parser.add_argument("--seconds", type=float, default=None)
    options = parser.parse_args()
    seed = options.seed if options.seed is not None else random.SystemRandom().randrange(1 << 32)
    print("seed", seed)
    fuzzer = Fuzzer(options.url, seed)
    end = time.monotonic() + options.seconds if options.seconds else None
    n = 0
    try:
        while time.monotonic() < end if end else n < options.requests:
            fuzzer.one()
            if n % 10 == 0:
                fuzzer.raw()
            n += 1
    except Wrong as e:
        print(e)
        return 1
    print(n, "requests", " ".join("%d:%d" % c for c in sorted(fuzzer.counts.items())))
    return 0


sys.exit(main())
