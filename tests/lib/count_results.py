# SPDX-License-Identifier: Apache-2.0
"""Counts the TAP lines in meson's testlog.json; names what failed and why something was skipped."""
import json
import re
import sys

LINE = re.compile(r"^(not )?ok\b[ \t]*\d*[ \t]*(?:- )?([^#\n]*)(?:#[ \t]*skip\b[ \t:]*(.*))?", re.I)


def count(record):
    passed, failed, skipped = 0, [], []
    for line in (record.get("stdout") or "").splitlines():
        match = LINE.match(line)
        if not match:
            continue
        name = f"{record['name']}: {match.group(2).strip()}"
        if match.group(1):
            failed.append(name)
        elif match.group(3) is not None:
            skipped.append(f"{name}: {match.group(3).strip() or 'no reason given'}")
        else:
            passed += 1
    if record["result"] not in ("OK", "SKIP") and not failed:
        failed.append(f"{record['name']}: ended with {record['result']}")
    if not passed and not failed and not skipped:
        failed.append(f"{record['name']}: reported no result")
    return passed, failed, skipped


def main():
    passed, failed, skipped = 0, [], []
    with open(sys.argv[1], encoding="utf-8", errors="replace") as log:
        for line in log:
            p, f, s = count(json.loads(line))
            passed += p
            failed += f
            skipped += s
    for title, names in (("failed", failed), ("skipped", skipped)):
        for name in names:
            print(f"{title}: {name}")
    if not passed and not failed:
        failed.append("no test ran")
    print(f"{passed} passed, {len(failed)} failed, {len(skipped)} skipped")
    return 1 if failed else 0


sys.exit(main())
