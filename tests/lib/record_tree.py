#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""record_tree.py PATH=FILE... PREFIX=FOLDER=NAME[,NAME...]...

Prints a tree for tests/fixtures/ (see tests/lib/tree.h). The first form records one file as PATH, the second
the files below FOLDER whose names match one of the shell patterns NAME, as PREFIX/...; what can't be read is
left out. Processes named in a cgroup.procs get a folder below proc/.
"""
import fnmatch
import os
import sys


def escape(data):
    special = {0x5C: "\\\\", 0x0A: "\\n", 0x09: "\\t"}
    return "".join(special.get(c, chr(c) if 32 <= c < 127 else "\\x%02x" % c) for c in data)


def main():
    processes = set()
    for argument in sys.argv[1:]:
        prefix, folder, *patterns = argument.split("=")
        if not patterns:
            with open(folder, "rb") as f:
                print(prefix, escape(f.read()), sep="\t")
            continue
        for where, folders, files in os.walk(os.fsencode(folder)):
            folders.sort()
            for name in sorted(files):
                if not any(fnmatch.fnmatch(os.fsdecode(name), pattern) for pattern in patterns[0].split(",")):
                    continue
                try:
                    with open(os.path.join(where, name), "rb") as f:
                        text = f.read()
                except OSError:
                    continue
                if name == b"cgroup.procs":
                    processes |= {int(pid) for pid in text.split()}
                relative = os.path.relpath(os.path.join(where, name), os.fsencode(folder))
                print(escape(os.fsencode(prefix) + b"/" + relative), escape(text), sep="\t")
    for pid in sorted(processes):
        print("proc/%d/" % pid)


main()
