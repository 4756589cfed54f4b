#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""unpack_tree.py FIXTURE DIR: lays a *.tree fixture out below DIR, as tests/lib/tree.h does."""
import os
import re
import sys

SPECIAL = {b"n": b"\n", b"t": b"\t", b"\\": b"\\"}


def unescape(text):
    return re.sub(rb"\\(?:x(..)|(.))",
                  lambda m: bytes([int(m[1], 16)]) if m[1] else SPECIAL[m[2]], text)


with open(sys.argv[1], "rb") as fixture:
    for line in fixture.read().split(b"\n"):
        if not line or line.startswith(b"#"):
            continue
        path, _, text = line.partition(b"\t")
        path = os.path.join(os.fsencode(sys.argv[2]), unescape(path))
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if not path.endswith(b"/"):
            with open(path, "wb") as f:
                f.write(unescape(text))
