#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Includes point one way: basic <- format <- host, net, db <- daemon, remote <- programs.
Programs never include each other, and tests go through headers. Prints TAP."""
import os
import pathlib
import re
import sys

LIBRARIES = {
    "basic": set(),
    "format": {"basic"},
    "host": {"basic", "format"},
    "net": {"basic", "format"},
    "db": {"basic", "format"},
    "daemon": {"basic", "format", "host"},
    "remote": {"basic", "format", "host", "net", "db"},
}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"', re.MULTILINE)


def includes(path):
    return INCLUDE.findall(path.read_text(encoding="utf-8"))


def sources(folder):
    return sorted(p for p in folder.rglob("*") if p.suffix in (".c", ".h"))


def wrong_way(root):
    """Lines about includes in src/ that point the wrong way or to nothing."""
    for path in sources(root / "src"):
        name = path.relative_to(root)
        part = name.parts[1]
        allowed = LIBRARIES.get(part, set(LIBRARIES)) | {part}
        for include in includes(path):
            target = include.split("/")[0]
            if "/" in include and target not in allowed:
                yield f"{name}: '{include}' is not below {part}"
            elif include.endswith(".c"):
                yield f"{name}: includes the source '{include}'"


def sources_in_tests(root):
    for folder in ("tests", "fuzz", "bench"):
        for path in sources(root / folder):
            for include in includes(path):
                if include.endswith(".c"):
                    yield f"{path.relative_to(root)}: includes the source '{include}'"


def unguarded(root):
    """Headers of src/ whose guard is not named after their place: CEEMS_BASIC_STR_H."""
    for path in sources(root / "src"):
        guard = "CEEMS_" + re.sub(r"[^A-Z0-9]", "_", str(path.relative_to(root / "src")).upper())
        text = path.read_text(encoding="utf-8")
        if path.suffix == ".h" and f"#ifndef {guard}\n#define {guard}\n" not in text:
            yield f"{path.relative_to(root)}: no guard {guard}"


def main():
    root = pathlib.Path(os.environ["CEEMS_SOURCE"])
    checks = [
        ("includes point one way", wrong_way),
        ("tests go through headers", sources_in_tests),
        ("headers are guarded by their name", unguarded),
    ]
    failed = False
    print(f"1..{len(checks)}")
    for number, (sentence, check) in enumerate(checks, 1):
        findings = list(check(root))
        failed = failed or bool(findings)
        print(f"{'not ok' if findings else 'ok'} {number} - {sentence}")
        for line in findings:
            print(f"# {line}")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())
