"""Files written by rename, JSON, sums and times; and where the shipped files are."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import stat
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime, timezone
from pathlib import Path

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
    except (ValueError, OverflowError):
        return 0.0


@contextlib.contextmanager
def naming(path: Path) -> Iterator[None]:
    """Name the file in an OSError that does not: those of open files know no names."""
    try:
        yield
    except OSError as error:
        if error.filename is None:
            error.filename = str(path)
        raise


def write_text(path: Path, text: str) -> None:
    """Write a file; an OSError names it."""
    with naming(path):
        path.write_text(text, encoding="utf-8")


def write_atomically(path: Path, text: str) -> None:
    """Write a file by rename, so that a reader sees all of it, or the one before."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with naming(path):
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


def open_at_once(path: str, flags: int) -> int:
    """Open a file without waiting: of a FIFO, the other end may never come."""
    return os.open(path, flags | os.O_NONBLOCK)


def sha256_of(path: Path) -> str:
    """Return the SHA-256 of a file in hexadecimal digits; the file is read in pieces."""
    digest = hashlib.sha256()
    with naming(path), open(path, "rb", opener=open_at_once) as file:
        if not stat.S_ISREG(os.fstat(file.fileno()).st_mode):
            raise HpctrainError(f"{path} is not a regular file", "put back what was there")
        while part := file.read(2**20):
            digest.update(part)
    return digest.hexdigest()


def files_in(folder: Path) -> dict[str, Path]:
    """Find the files of a folder, by their paths in it, sorted.

    HpctrainError if it holds anything else, as links: a copy of it would not be the same.
    """
    found = {}
    for path in folder.rglob("*"):
        mode = path.lstat().st_mode
        if stat.S_ISREG(mode):
            found[path.relative_to(folder).as_posix()] = path
        elif not stat.S_ISDIR(mode):
            raise HpctrainError(f"{path} is not a regular file", "put back what was there")
    return dict(sorted(found.items()))


def sha256_of_tree(folder: Path) -> str:
    """Return the SHA-256 of all files of a folder, as :func:`sha256_of_sums` does of theirs."""
    return sha256_of_sums({name: sha256_of(path) for name, path in files_in(folder).items()})


def sha256_of_sums(sums: Mapping[str, str]) -> str:
    """Return the SHA-256 of the lines ``SUM  NAME`` of some files, sorted by name."""
    lines = "".join(f"{sums[name]}  {name}\n" for name in sorted(sums))
    return hashlib.sha256(lines.encode("utf-8", "surrogateescape")).hexdigest()


def sum_of(path: Path) -> str:
    """Return the SHA-256 of a file, or of all that a folder holds."""
    return sha256_of_tree(path) if path.is_dir() else sha256_of(path)


def stamp(paths: Iterable[str]) -> str:
    """Return a digest of what changes with every write to these files and folders."""
    marks = []
    for path in paths:
        try:
            found = os.stat(path)  # noqa: PTH116  thousands of them
            marks.append((found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns))
        except OSError as error:
            marks.append((error.errno or 0, 0, 0, 0))
    return hashlib.blake2b(repr(marks).encode(), digest_size=16).hexdigest()
