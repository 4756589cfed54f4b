# SPDX-License-Identifier: Apache-2.0
"""What Litestream does to a SQLite database, by its documentation ("How it works", "Tips & caveats"): it holds a
read transaction, so that nobody else starts the WAL anew, copies the WAL's frames as they come, checkpoints on its
own (PASSIVE or RESTART), for which it lets the read transaction go, and takes the write lock by a table of its own
where it has to see the end of a WAL. Where frames were lost to it, it begins a new generation with a snapshot.

usage: fake_litestream.py DATABASE DIRECTORY PAGES_BETWEEN_CHECKPOINTS
Runs until DIRECTORY/stop exists. While DIRECTORY/hold exists it doesn't checkpoint. Then it writes DIRECTORY/restored.db,
made of the last snapshot and the frames since, and prints a JSON object: frames, passive, restart, generations,
longest (frames of a WAL)."""
import json
import os
import shutil
import sqlite3
import struct
import subprocess
import sys
import time

HEADER, FRAME = 32, 24


def checksum(data, s0, s1, order):
    words = struct.unpack(f"{order}{len(data) // 4}I", data)
    for i in range(0, len(words), 2):
        s0 = (s0 + words[i] + s1) & 0xFFFFFFFF
        s1 = (s1 + words[i + 1] + s0) & 0xFFFFFFFF
    return s0, s1


class Replica:
    def __init__(self, database, directory, pages_between):
        self.database, self.directory = database, directory
        self.pages_between, self.last_checkpoint = pages_between, 0
        self.report = {"frames": 0, "passive": 0, "restart": 0, "generations": 0, "longest": 0}
        self.db = self.connect()
        self.db.execute("CREATE TABLE IF NOT EXISTS _litestream_seq (id INTEGER PRIMARY KEY, seq INTEGER)")
        self.db.execute("CREATE TABLE IF NOT EXISTS _litestream_lock (id INTEGER)")
        self.reader = self.connect()
        self.touch()
        self.begin_read()
        self.begin_generation()

    def connect(self):
        db = sqlite3.connect(self.database, timeout=10, isolation_level=None)
        db.execute("PRAGMA wal_autocheckpoint = 0")
        return db

    def touch(self):
        """Keeps the WAL from being empty, in which case a read transaction would protect nothing."""
        self.db.execute("INSERT INTO _litestream_seq VALUES (1, 1) ON CONFLICT (id) DO UPDATE SET seq = seq + 1")

    def begin_read(self):
        self.reader.execute("BEGIN")
        self.reader.execute("SELECT count(*) FROM _litestream_seq").fetchall()

    def lock_writers(self):
        self.db.execute("BEGIN IMMEDIATE")
        self.db.execute("INSERT INTO _litestream_lock VALUES (1)")

    def begin_generation(self):
        """Writers wait meanwhile; what is in the WAL then is copied with the snapshot."""
        self.lock_writers()
        self.report["generations"] += 1
        self.snapshot = os.path.join(self.directory, "snapshot.db")
        # Closing a file of the database's in this process would let go of its locks.
        subprocess.run(["cp", self.database, self.snapshot], check=True)
        self.pages = []  # (page number, size of the database after the commit or 0, bytes)
        self.read_header()
        self.copy()
        self.db.execute("ROLLBACK")

    def wal(self):
        return open(self.database + "-wal", "rb")

    def header(self):
        with self.wal() as f:
            return f.read(HEADER)

    def read_header(self):
        self.head = self.header()
        magic, _, self.page_size, _, self.salt1, self.salt2, s0, s1 = struct.unpack(">8I", self.head)
        self.order = ">" if magic & 1 else "<"
        self.sums = (s0, s1)
        self.offset, self.n = HEADER, 0

    def copy(self):
        """All that was committed since. What follows the last commit is read again next time."""
        with self.wal() as f:
            f.seek(self.offset)
            data = f.read()
        size, at, sums, pending = FRAME + self.page_size, 0, self.sums, []
        while at + size <= len(data):
            page, commit, salt1, salt2, s0, s1 = struct.unpack(">6I", data[at:at + FRAME])
            if (salt1, salt2) != (self.salt1, self.salt2):
                break
            sums = checksum(data[at:at + 8] + data[at + FRAME:at + size], *sums, self.order)
            if sums != (s0, s1):
                break
            pending.append((page, commit, data[at + FRAME:at + size]))
            at += size
            if commit:
                self.pages += pending
                self.report["frames"] += len(pending)
                self.n += len(pending)
                self.offset += len(pending) * size
                self.sums, pending = sums, []
        self.report["longest"] = max(self.report["longest"], self.n)

    def sync(self):
        if self.header() != self.head:
            self.begin_generation()  # somebody else began the WAL anew
        self.copy()
        if os.path.exists(os.path.join(self.directory, "hold")):
            return
        if self.n < self.last_checkpoint + self.pages_between:
            return
        # By itself it takes RESTART for long WALs only, which are rare here.
        done = self.report["passive"] + self.report["restart"]
        self.checkpoint("RESTART" if done % 3 == 2 else "PASSIVE")

    def checkpoint(self, mode):
        self.copy()
        self.reader.execute("ROLLBACK")
        # Nothing protects the WAL now. On a busy machine that takes a while.
        time.sleep(0.3)
        self.db.execute(f"PRAGMA wal_checkpoint({mode})").fetchall()
        self.touch()
        self.begin_read()
        self.report[mode.lower()] += 1
        self.last_checkpoint = self.n
        if self.header() == self.head:
            return
        self.lock_writers()
        self.copy()  # the end of the old WAL, behind what the new one has overwritten
        with self.wal() as f:
            f.seek(self.offset)
            rest = f.read(FRAME)
        salts = struct.unpack(">2I", rest[8:16]) if len(rest) == FRAME else ()
        self.read_header()
        self.last_checkpoint = 0
        overwritten = salts == (self.salt1, self.salt2)
        if not overwritten:
            self.copy()
        self.db.execute("ROLLBACK")
        if overwritten:
            self.begin_generation()

    def restore(self):
        path = os.path.join(self.directory, "restored.db")
        shutil.copyfile(self.snapshot, path)
        with open(path, "r+b") as f:
            for page, commit, data in self.pages:
                f.seek((page - 1) * self.page_size)
                f.write(data)
                if commit:
                    f.truncate(commit * self.page_size)

    def run(self):
        stop = os.path.join(self.directory, "stop")
        open(os.path.join(self.directory, "ready"), "w").close()
        while not os.path.exists(stop):
            self.sync()
            time.sleep(0.02)
        self.sync()
        self.restore()
        self.reader.close()
        self.db.close()
        print(json.dumps(self.report), flush=True)


Replica(sys.argv[1], sys.argv[2], int(sys.argv[3])).run()
