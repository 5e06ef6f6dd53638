"""Small JSON files that a job leaves, whole or absent. Standard library, Python >= 3.8."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import json
import os
import stat
import threading
import time
from pathlib import Path
from typing import Any, List, Mapping

MOST = 4 << 20  # bytes of a file of a fixed number of facts


def write_json(path: str, content: Mapping[str, Any]) -> None:
    """Write a file by rename, so that whoever reads it sees all of it or the one before."""
    temporary = f"{path}.{os.getpid()}.{threading.get_ident()}"
    try:
        _write(temporary, content)
        os.replace(temporary, path)
    finally:
        _remove(temporary)


def read_text(path: Path, most: int = MOST) -> str:
    """Read a regular file of at most so many bytes; OSError if it is none, or cannot be read.

    A link is not followed, and a FIFO not waited for.
    """
    descriptor = os.open(str(path), os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise OSError(errno.EINVAL, "it is not a regular file", str(path))
        if status.st_size > most:
            raise OSError(errno.EFBIG, "it is too large", str(path))
        parts: List[bytes] = []
        while most > 0 and (part := os.read(descriptor, min(most, 1 << 20))):
            parts.append(part)
            most -= len(part)
        return b"".join(parts).decode("utf-8", "replace")
    finally:
        os.close(descriptor)


def read_json(path: Path) -> dict[str, Any]:
    """Read a JSON object; empty if it is not there or damaged."""
    try:
        content = json.loads(read_text(path))
    except (OSError, ValueError, RecursionError):
        return {}
    return content if isinstance(content, dict) else {}


def claim(path: str, content: Mapping[str, Any]) -> bool:
    """Take an attempt for this job; return False if another job has it already.

    The content is written first and the name given by link(), which fails if the name is taken,
    on NFS too; so a claim is never seen half-written.
    """
    temporary = f"{path}.{os.uname().nodename}.{os.getpid()}"
    try:
        _write(temporary, content)
        os.link(temporary, path)
    except FileExistsError:
        # NFS may say so after its first answer got lost: then the link is there, and it is ours.
        return os.stat(temporary).st_nlink == 2
    finally:
        _remove(temporary)
    return True


def _write(path: str, content: Mapping[str, Any]) -> None:
    with open(path, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1, sort_keys=True)
        file.write("\n")
        file.flush()
        os.fsync(file.fileno())


def _remove(path: str) -> None:
    with contextlib.suppress(OSError):
        os.unlink(path)


def sha256(path: str) -> str:
    """Return the SHA-256 sum of a file, in hexadecimal digits."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for block in iter(lambda: file.read(1 << 20), b""):
            digest.update(block)
    return digest.hexdigest()


def facts_of(path: Path) -> dict[str, Any]:
    """Return what tells a file again: its SHA-256 sum, and how many bytes it has.

    The sum of a folder is that of the list of its files, sorted by name: a line of each, its sum,
    two blanks and its path in the folder.
    """
    if not path.is_dir():
        return {"sha256": sha256(str(path)), "bytes": path.stat().st_size}
    files = {one.relative_to(path).as_posix(): one for one in path.rglob("*") if one.is_file()}
    lines = [f"{sha256(str(files[name]))}  {name}\n" for name in sorted(files)]
    digest = hashlib.sha256("".join(lines).encode("utf-8", "surrogateescape")).hexdigest()
    return {"sha256": digest, "bytes": sum(one.stat().st_size for one in files.values())}


class Heartbeat:
    """A file that says every few seconds that the job is alive, and what it is doing.

    ``beats`` counts them, so that a reader can tell life also where clocks differ or are set back.
    """

    def __init__(self, path: str, interval_s: float) -> None:
        self._path = path
        self._interval_s = interval_s
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._beat, daemon=True)
        self._lock = threading.Lock()
        self._beats = 0
        self._phase, self._phase_began = "starting", time.time()

    def __enter__(self) -> Heartbeat:
        self._write()
        with contextlib.suppress(RuntimeError):  # no more threads here: then only phases are told
            self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ended.set()
        if self._thread.is_alive():
            self._thread.join()

    def enter(self, phase: str) -> None:
        """Tell what the job does from now on."""
        with self._lock:
            self._phase, self._phase_began = phase, time.time()
        self._write()

    def _beat(self) -> None:
        # wait() goes by the clock that cannot be set.
        while not self._ended.wait(self._interval_s):
            self._write()

    def _write(self) -> None:
        # A full disk must not end a training that may still finish.
        with self._lock, contextlib.suppress(OSError):
            self._beats += 1
            write_json(
                self._path,
                {
                    "beats": self._beats,
                    "time": time.time(),
                    "pid": os.getpid(),
                    "phase": self._phase,
                    "phase_began": self._phase_began,
                },
            )
