# SPDX-License-Identifier: Apache-2.0
"""Asks a server, filled from accounts.sql, every line of ownership.txt: URL TABLE. One line of output
for each that is answered otherwise."""
import http.client
import json
import sys
import urllib.parse

PERIOD = "from=1933480800&to=1933484400"


def rows(body):
    found = []
    for row in json.loads(body)["data"] or []:
        cluster = row.get("id") or row["cluster_id"]
        if "uuid" in row:
            found.append("%s/%s/%s" % (cluster, row["uuid"], row.get("username", "")))
        elif "username" in row:
            found.append("%s/%s/%s" % (cluster, row["project"], row["username"]))
        else:
            found.append("%s/%s/" % (cluster, row.get("name", "")))
    return sorted(found) or ["-"]


def main():
    url = urllib.parse.urlsplit(sys.argv[1])
    asked = wrong = 0
    for line in open(sys.argv[2], encoding="utf-8"):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        user, target, status, expected = words[0], words[1], int(words[2]), words[3:]
        connection = http.client.HTTPConnection(url.hostname, url.port, timeout=30)
        connection.request("GET", "/api/v1" + target.replace("@", PERIOD),
                           headers={} if user == "-" else {"X-Grafana-User": user})
        reply = connection.getresponse()
        seen = rows(reply.read())
        connection.close()
        asked += 1
        if reply.status != status or seen != expected:
            wrong += 1
            print("%s %s: %d %s instead of %d %s" %
                  (user, target, reply.status, " ".join(seen), status, " ".join(expected)))
    print("%d asked" % asked)
    return wrong > 0 or asked < 90


sys.exit(main())
