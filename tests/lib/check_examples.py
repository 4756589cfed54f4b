# SPDX-License-Identifier: Apache-2.0
"""Runs the examples of a page against a server: PAGE URL [--update]. In ```console blocks a line '$ COMMAND'
(continued by a backslash) is run by bash, and what follows up to the next one is its output.
http://localhost:9020 stands for the server. --update writes what was printed into the page."""
import subprocess
import sys

HOST = "http://localhost:9020"


def run(command, url):
    done = subprocess.run(["bash", "-o", "pipefail", "-c", command.replace(HOST, url)], capture_output=True,
                          text=True, timeout=60)
    text = (done.stdout + done.stderr).rstrip("\n")
    return text.split("\n") if text else []


def main():
    page, url = sys.argv[1:3]
    lines = open(page, encoding="utf-8").read().split("\n")
    out, wrong, n, i = [], 0, 0, 0
    inside = False
    while i < len(lines):
        line = lines[i]
        i += 1
        out.append(line)
        if line.startswith("```"):
            inside = line == "```console"
        if not inside or not line.startswith("$ "):
            continue
        command = line[2:]
        while command.endswith("\\"):
            out.append(lines[i])
            command = command[:-1] + lines[i]
            i += 1
        expected = []
        while not lines[i].startswith(("$ ", "```")):
            expected.append(lines[i])
            i += 1
        n += 1
        seen = run(command, url)
        out += seen
        if seen != expected:
            wrong += 1
            print("%s\n-- page:\n%s\n-- server:\n%s" % (command, "\n".join(expected), "\n".join(seen)))
    if "--update" in sys.argv:
        with open(page, "w", encoding="utf-8") as f:
            f.write("\n".join(out))
        wrong = 0
    print(n, "examples")
    return wrong > 0 or n == 0


sys.exit(main())
