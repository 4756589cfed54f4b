#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A web server with canned answers: fake_http.py DIR

Writes its port to DIR/port and each request to DIR/requests, as a JSON list: method, path, parameters,
headers. The answer to /a/b is the file DIR/reply/a_b, else 404. If there is a file DIR/login (NAME:PASSWORD),
requests need that basic auth. DIR/status, if there, is the HTTP status of all answers.
"""
import base64
import json
import os
import sys
import urllib.parse
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

DIR = sys.argv[1]


def read(name):
    try:
        with open(os.path.join(DIR, name), "rb") as f:
            return f.read()
    except FileNotFoundError:
        return None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *args):
        pass

    def reply(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def answer(self):
        url = urllib.parse.urlsplit(self.path)
        text = self.rfile.read(int(self.headers.get("Content-Length") or 0)).decode()
        params = urllib.parse.parse_qs("&".join(filter(None, (url.query, text))))
        with open(os.path.join(DIR, "requests"), "a", encoding="utf-8") as f:
            f.write(json.dumps([self.command, url.path, params, dict(self.headers)]) + "\n")
        login = read("login")
        if login is not None:
            wanted = "Basic " + base64.b64encode(login.strip()).decode()
            if self.headers.get("Authorization") != wanted:
                return self.reply(401, b"Unauthorized\n", [("WWW-Authenticate", "Basic")])
        body = read(os.path.join("reply", url.path.strip("/").replace("/", "_")))
        status = int(read("status") or 200)
        if body is None:
            return self.reply(404, b"404 page not found\n")
        return self.reply(status, body)

    do_GET = do_POST = answer


server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
with open(os.path.join(DIR, "port.new"), "w", encoding="utf-8") as port:
    port.write(str(server.server_port))
os.rename(os.path.join(DIR, "port.new"), os.path.join(DIR, "port"))
server.serve_forever()
