"""What a job leaves behind: small JSON files, whole or absent. Standard library, Python >= 3.8."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time


def write_json(path, content):
    """Write a file by rename, so that whoever reads it sees all of it or the one before."""
    temporary = "{}.{}.{}".format(path, os.getpid(), threading.get_ident())
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)


def claim(path, content):
    """Take an attempt for this job; False if another job has it already.

    The content is written first and the name given by link(), which fails if the name is taken,
    on NFS too; so a claim is never seen half-written.
    """
    temporary = "{}.{}.{}".format(path, os.uname().nodename, os.getpid())
    with open(temporary, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, sort_keys=True)
        file.flush()
        os.fsync(file.fileno())
    try:
        os.link(temporary, path)
    except FileExistsError:
        return False
    finally:
        os.unlink(temporary)
    return True


def sha256(path):
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


class Heartbeat:
    """Says every few seconds that the job is alive, and what it is doing."""

    def __init__(self, path, interval_s):
        self._path = path
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._phase, self._phase_began = "starting", time.time()

    def __enter__(self):
        self._write()
        self._thread.start()
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._thread.join()

    def enter(self, phase):
        self._phase, self._phase_began = phase, time.time()
        self._write()

    def _beat(self):
        while not self._ended.wait(self._interval_s):
            self._write()

    def _write(self):
        try:
            write_json(
                self._path,
                {
                    "time": time.time(),
                    "pid": os.getpid(),
                    "phase": self._phase,
                    "phase_began": self._phase_began,
                },
            )
        except OSError:
            # A full disk must not end a training that may still finish.
            pass
