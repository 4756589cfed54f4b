#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A network service that has nothing, which Nova asks for the ports of servers: network_stub.py PORT"""
import http.server
import json
import sys


class Handler(http.server.BaseHTTPRequestHandler):
    def log_message(self, *args):
        pass

    def do_GET(self):
        name = self.path.partition("?")[0].rstrip("/").rpartition("/")[2].replace(".json", "").replace("-", "_")
        found = {name: []} if name.endswith("s") else {"versions": [{"id": "v2.0", "status": "CURRENT", "links": []}]}
        body = json.dumps(found).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler).serve_forever()
