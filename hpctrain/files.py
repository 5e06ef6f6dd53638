"""Files written by rename, JSON, sums and times; and where the shipped files are."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from hpctrain.errors import HpctrainError

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Return the path of a shipped file or folder, as ``templates`` or ``demo/al_pbe.db``.

    A wheel holds ``templates`` and ``site_profiles`` inside the package; an editable install
    leaves them beside it.
    """
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise HpctrainError(
        f"{name} is missing from this installation of hpctrain ({_PACKAGE})",
        "install hpctrain again",
    )


def put_job(folder: Path) -> Path:
    """Copy the package that runs on the compute node into a folder, as ``job``; return its path."""
    source, target = resource("job"), folder / "job"
    for path in sorted([*source.rglob("*.py"), *source.rglob("*.sh")]):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        # Not their modes: an installation may be read-only.
        shutil.copyfile(path, copy)
    return target


def now() -> str:
    """Return the time as it is written everywhere: ISO 8601, UTC, milliseconds."""
    return datetime.now(timezone.utc).isoformat(timespec="milliseconds")


def iso(seconds: float) -> str:
    """Write seconds since the epoch as :func:`now` does."""
    return datetime.fromtimestamp(seconds, timezone.utc).isoformat(timespec="milliseconds")


def timestamp(time: str | None) -> float:
    """Return the seconds since the epoch of a written time; 0 if it is none."""
    try:
        return datetime.fromisoformat(time).timestamp() if time else 0.0
    except ValueError:
        return 0.0


def write_atomically(path: Path, text: str) -> None:
    """Write a file by rename, so that a reader sees all of it, or the one before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def as_json(content: object) -> str:
    """Write a value as JSON for a file; ValueError on NaN and infinity."""
    return encodable(json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False)) + "\n"


def encodable(text: str) -> str:
    """Write half a surrogate pair, from a path that is not UTF-8, as \\udcXX."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; the file is read in pieces."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def stamp(paths: Iterable[str]) -> str:
    """Return a digest of what changes with every write to these files and folders."""
    marks = []
    for path in paths:
        try:
            stat = os.stat(path)  # noqa: PTH116  thousands of them
            marks.append((stat.st_ino, stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns))
        except OSError as error:
            marks.append((error.errno or 0, 0, 0, 0))
    return hashlib.blake2b(repr(marks).encode(), digest_size=16).hexdigest()


def read_json(path: Path) -> dict[str, Any] | None:
    """Read a JSON object; None if the file is not there, or not whole."""
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return content if isinstance(content, dict) else None
