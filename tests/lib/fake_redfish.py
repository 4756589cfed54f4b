#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A Redfish service with the structure of DMTF DSP0266: fake_redfish.py DIR

It writes its port to DIR/port and each request to DIR/requests, a JSON list a line: method, path, headers,
body. Other files in DIR rule what it does and are looked at for each request:
  tree/PATH      the document of /PATH ('/redfish/v1/Chassis/1' is tree/redfish/v1/Chassis/1.json)
  login          NAME:PASSWORD; without it nothing needs a login
  basic          together with login: HTTP basic is taken, too
  no-location    the answer to a login tells the session's path in its body only
  expire         ends all sessions, and is removed
  fault          lines 'PATTERN FAULT': the first whose regular expression is found in 'METHOD PATH' is
                 played. FAULT is a status (500), 'hang', 'drip' (a byte now and then), 'huge' (a body without
                 end), 'bomb' (the same, compressed), 'garbage', 'close', or 'redirect URL [STATUS]'
  cert.pem       with key.pem: TLS
Sessions that are open stand in DIR/sessions, one token a line.
"""
import base64
import gzip
import json
import os
import re
import ssl
import sys
import threading
import time
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]
LOCK = threading.Lock()
SESSIONS = {}  # path -> token
COUNT = [0]


def read(name):
    try:
        with open(os.path.join(DIR, name), "rb") as f:
            return f.read()
    except (FileNotFoundError, IsADirectoryError, NotADirectoryError):
        return None


def write(name, text):
    with open(os.path.join(DIR, name + ".new"), "w", encoding="utf-8") as f:
        f.write(text)
    os.rename(os.path.join(DIR, name + ".new"), os.path.join(DIR, name))


def write_sessions():
    write("sessions", "".join(token + "\n" for token in SESSIONS.values()))


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *args):
        pass

    def reply(self, status, body=b"", headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Type", "application/json")
        if status != 204:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if status != 204:
            self.wfile.write(body)

    def error(self, status):
        self.reply(status, json.dumps({"error": {"code": "Base.1.0.GeneralError"}}).encode())

    def fault(self):
        for line in (read("fault") or b"").decode().splitlines():
            pattern, what = line.split(" ", 1)
            if re.search(pattern, f"{self.command} {self.path}"):
                return what
        return None

    def endless(self, headers, chunk):
        self.send_response(200)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(1 << 40))
        self.end_headers()
        while True:
            self.wfile.write(chunk)

    def play(self, what):
        words = what.split()
        self.close_connection = True
        if words[0].isdigit():
            self.error(int(words[0]))
        elif words[0] == "hang":
            time.sleep(600)
        elif words[0] == "drip":
            self.send_response(200)
            self.send_header("Content-Length", "100000")
            self.end_headers()
            while True:
                self.wfile.write(b" ")
                time.sleep(0.05)
        elif words[0] == "huge":
            self.endless((), b" " * 65536)
        elif words[0] == "bomb":
            body = gzip.compress(b"[" * (64 << 20))
            self.reply(200, body, [("Content-Encoding", "gzip")])
        elif words[0] == "garbage":
            self.reply(200, b'{"Members": [{"@odata.id": 7}, \x00\xff\xfe')
        elif words[0] == "redirect":
            self.reply(int(words[2]) if len(words) > 2 else 302, b"", [("Location", words[1])])

    def allowed(self):
        login = read("login")
        if login is None or self.path.rstrip("/") in ("/redfish", "/redfish/v1"):
            return True
        if self.headers.get("X-Auth-Token") in SESSIONS.values():
            return True
        wanted = "Basic " + base64.b64encode(login.strip()).decode()
        return read("basic") is not None and self.headers.get("Authorization") == wanted

    def create_session(self, body):
        wanted = (read("login") or b"").decode().strip()
        try:
            given = json.loads(body)
            name = given["UserName"] + ":" + given["Password"]
        except (ValueError, KeyError, TypeError):
            return self.error(400)
        if name != wanted:
            return self.error(401)
        with LOCK:
            COUNT[0] += 1
            path = f"/redfish/v1/SessionService/Sessions/{COUNT[0]}"
            token = f"token-{COUNT[0]}"
            SESSIONS[path] = token
            write_sessions()
        headers = [("X-Auth-Token", token)]
        if read("no-location") is None:
            headers.append(("Location", f"https://bmc.example{path}"))
        return self.reply(201, json.dumps({"@odata.id": path, "Id": str(COUNT[0])}).encode(), headers)

    def document(self):
        url = urllib.parse.urlsplit(self.path)
        name = os.path.normpath(url.path).lstrip("/")
        if url.query:
            name += "_" + re.sub(r"[^A-Za-z0-9]", "_", url.query)
        body = read(os.path.join("tree", name + ".json"))
        return self.error(404) if body is None else self.reply(200, body)

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        with LOCK:
            with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
                f.write(json.dumps([self.command, self.path, dict(self.headers), body]) + "\n")
            if read("expire") is not None:
                SESSIONS.clear()
                write_sessions()
                os.unlink(os.path.join(DIR, "expire"))
        what = self.fault()
        if what:
            return self.play(what)
        if self.command == "POST" and self.path.rstrip("/").endswith("/Sessions"):
            return self.create_session(body)
        if not self.allowed():
            return self.error(401)
        if self.command == "DELETE":
            with LOCK:
                known = SESSIONS.pop(self.path, None)
                write_sessions()
            return self.reply(204) if known else self.error(404)
        return self.document()

    do_GET = do_POST = do_DELETE = answer


class Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request, client_address):
        pass  # a client that went away


server = Server(("127.0.0.1", 0), Handler)
if read("cert.pem") is not None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(DIR, "cert.pem"), os.path.join(DIR, "key.pem"))
    server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
write_sessions()
write("port", str(server.server_port))
server.serve_forever()
