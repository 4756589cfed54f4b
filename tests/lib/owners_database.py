#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A database of the API server for ceems_lb: owners_database.py SQL_DIR FILE < ROWS

Made by the API server's own statements. Rows, one a line:
  project CLUSTER NAME USER[,USER...]
  unit CLUSTER UUID PROJECT START_S [END_S]
  admin NAME
"""
import glob
import json
import os
import sqlite3
import sys

SQL, FILE = sys.argv[1:]

db = sqlite3.connect(FILE)
if not db.execute("SELECT 1 FROM sqlite_schema WHERE name = 'units'").fetchone():
    for path in sorted(glob.glob(os.path.join(SQL, "[0-9]*.sql"))):
        with open(path, encoding="utf-8") as f:
            db.executescript(f.read())
for line in sys.stdin:
    word = line.split()
    if not word:
        continue
    if word[0] == "project":
        db.execute("INSERT OR REPLACE INTO projects (cluster_id, name, users) VALUES (?, ?, ?)",
                   (word[1], word[2], json.dumps(word[3].split(",") if len(word) > 3 else [])))
    elif word[0] == "unit":
        start, end = int(word[4]) * 1000, int(word[5]) * 1000 if len(word) > 5 else 0
        db.execute("INSERT INTO units (cluster_id, uuid, project, started_at, created_at_ts, started_at_ts,"
                   " ended_at_ts, ignore) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
                   (word[1], word[2], word[3], str(start), start, start, end))
    elif word[0] == "admin":
        db.execute("INSERT INTO admin_users (name) VALUES (?)", (word[1],))
db.commit()
db.close()
