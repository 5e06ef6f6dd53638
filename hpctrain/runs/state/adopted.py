"""Trainings that were made by hand, and adopted: their files are followed in the run's folder.

The folder that was adopted is only read. What its files have got is appended to copies in the run's
attempt; when the training is over, its potential is copied too, and a result is written, last, as a
job would. So a kill leaves an attempt that the next command completes.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpctrain.engines import engine_of
from hpctrain.engines.base import Engine
from hpctrain.engines.by_hand import ByHand, LogFacts
from hpctrain.files import as_json, sha256_of, write_atomically
from hpctrain.records import BadFile, damaged, open_binary, read_bytes, read_end
from hpctrain.runs.history import History
from hpctrain.runs.result import Result
from hpctrain.runs.run import Run
from hpctrain.runs.state.curves import curves, finite
from hpctrain.runs.state.verdict import BY_HPCTRAIN, Verdict

ORIGIN, SITE, NO_SCHEDULER = "adopted", "by hand", "none"
POLL_S = 15.0
SEVERAL = "several fits were made: the errors are those of the last one, which may not be the best"
# After so long without a line in its log a training may have ended, or hang.
QUIET_S = 1800.0
_HEAD, _TAIL = 1 << 16, 1 << 18
_MOST = 2 << 30  # bytes of a file that is copied
_PIECE = 1 << 20
# Of a file that grows, so much of the end of the copy is compared before going on.
_KNOWN = 64


@dataclass(frozen=True)
class Found:
    """What a folder holds: ``files`` of the potential by name, None as long as it is not there."""

    log: LogFacts
    quiet_s: float
    files: dict[str, Path] | None
    lacks: str | None = None


def reader_of(engine: Engine) -> ByHand:
    """Return how a trainer's folders are read; only such are adopted."""
    assert engine.by_hand is not None
    return engine.by_hand


def look(engine: Engine, folder: Path, now: float) -> Found:
    """Look at a folder that is trained in. BadFile if its log is no file."""
    by_hand = reader_of(engine)
    log = folder / by_hand.log
    facts = by_hand.log_facts(_head(log), read_end(log, _TAIL))
    try:
        quiet = max(0.0, now - log.stat().st_mtime)
    except OSError:
        return Found(facts, float("inf"), None, f"{log} is gone")
    files = {one.suffix: folder / one.made_as for one in engine.artefacts}
    if not facts.done or not files[by_hand.last].is_file():
        return Found(facts, quiet, None)
    for one in engine.artefacts:
        if one.needed and not files[one.suffix].is_file():
            make = by_hand.to_make[one.suffix]
            lacks = f"it is finished, and has no .{one.suffix}; make it there: {make}"
            return Found(facts, quiet, None, lacks)
    return Found(facts, quiet, {file.name: file for file in files.values() if file.is_file()})


def refresh(run: Run, folder: Path, now: float) -> None:
    """Follow a training: append to the run's copies what is new, and finish it if it is over."""
    attempt = run.attempt(1)
    attempt.mkdir(parents=True, exist_ok=True)
    engine = engine_of(run.engine)
    found = look(engine, folder, now)  # before its log is copied: the copy is then at least as long
    for name in reader_of(engine).growing:
        _follow(folder / name, attempt / name)
    if found.files is not None and run.result(1) is None:
        _finish(run, engine, folder, found)


def verdict(history: History, result: Result | None, found: Found | None) -> Verdict:
    """Return the state of an adopted training; ``found`` is None where the folder is gone."""
    if history.collected is not None:
        return Verdict("collected", history.collected)
    if result is not None and result.get("state") == "completed":
        return Verdict("completed", str(result.get("stopped") or ""))
    if result is not None:
        return Verdict("failed", str(result.get("reason") or ""))
    if history.cancel_requested:
        return Verdict("cancelled", BY_HPCTRAIN)
    if found is None:
        return Verdict("unknown", f"{history.adopted} is gone")
    if found.lacks is not None:
        return Verdict("unknown", found.lacks)
    if found.quiet_s < QUIET_S:
        return Verdict("running")
    hours = found.quiet_s / 3600
    return Verdict(
        "unknown",
        f"its log does not say that the training is finished, and nothing was written for "
        f"{hours:.1f} h: it may have been ended",
    )


def look_if_there(engine: Engine, history: History, now: float) -> Found | None:
    """Look at the folder of an adopted run; None if it is gone or cannot be read."""
    folder = Path(str(history.adopted))
    try:
        return look(engine, folder, now) if folder.is_dir() else None
    except (BadFile, OSError):
        return None


def _finish(run: Run, engine: Engine, folder: Path, found: Found) -> None:
    attempt = run.attempt(1)
    assert found.files is not None
    by_hand = reader_of(engine)
    made_as = {one.suffix: one.made_as for one in engine.artefacts}
    last = made_as[by_hand.last]
    for name, source in found.files.items():
        _copy(source, attempt / name)
    head = (read_bytes(attempt / last, _MOST) or b"")[:_HEAD].decode("utf-8", "replace")
    energies, shift = by_hand.reference_energies(head)
    so_far = curves(run)
    ended = (folder / last).stat().st_mtime
    seconds = found.log.seconds or 0.0
    suffix = None if engine.grading is None else engine.grading.active_set
    has_set = suffix is not None and made_as[suffix] in found.files
    result: dict[str, Any] = {
        "schema": "hpctrain.result/1",
        "attempt": 1,
        "state": "completed",
        "reason": "",
        "started": ended - seconds,
        "ended": ended,
        "seconds": {} if found.log.seconds is None else {"total": seconds},
        "potential": {
            "reference_energies": energies,
            "shift": shift,
            "train": _errors(so_far.train[-1:]),
            "test": _errors(so_far.test[-1:]),
            "file": {"rmse_energy_mev_per_atom": None, "rmse_force_ev_per_a": None},
        },
        "files": {
            name: {
                "sha256": sha256_of(attempt / name),
                "bytes": (attempt / name).stat().st_size,
            }
            for name in found.files
        },
        "active_set": {
            "made": has_set,
            "why": None if has_set or suffix is None else f"its folder holds no .{suffix}",
        },
        "warnings": [SEVERAL] if found.log.several else [],
        "verification": {"verdict": None, "problem": "its training was made by hand"},
    }
    if not so_far.train:
        result |= {"state": "failed", "reason": "its log tells of no iteration"}
    environment = {"packages": found.log.versions}
    if found.log.host is not None:
        environment["host"] = found.log.host  # type: ignore[assignment]
    write_atomically(attempt / "environment.json", as_json(environment))
    write_atomically(attempt / "result.json", as_json(result))


def _errors(last: Iterable[Any]) -> dict[str, Any] | None:
    for point in last:
        return {
            "rmse_energy_mev_per_atom": finite(point.rmse_energy),
            "rmse_force_ev_per_a": finite(point.rmse_force),
        }
    return None


def _head(path: Path) -> str:
    file = open_binary(path)
    if file is None:
        return ""
    with file:
        return file.read(_HEAD).decode("utf-8", "replace")


def _follow(source: Path, copy: Path) -> None:
    """Append to a copy what its source has got since; begin again if it is another file."""
    file = open_binary(source)
    if file is None:
        return
    with file:
        size = os.fstat(file.fileno()).st_size
        if size > _MOST:
            raise damaged(source, f"it has more than {_MOST >> 30} GB")
        have = copy.stat().st_size if copy.is_file() else 0
        if have > size or (have and not _goes_on(file, copy, have)):
            copy.unlink()
            have = 0
        file.seek(have)
        with copy.open("ab") as target:
            while piece := file.read(_PIECE):
                target.write(piece)


def _goes_on(file: Any, copy: Path, have: int) -> bool:
    start = max(0, have - _KNOWN)
    file.seek(start)
    with copy.open("rb") as known:
        known.seek(start)
        return bool(file.read(have - start) == known.read())


def _copy(source: Path, target: Path) -> None:
    """Copy a regular file whole, by rename."""
    file = open_binary(source)
    if file is None:
        raise BadFile(source, "is gone")
    temporary = target.with_name(f".{target.name}")
    with file:
        if os.fstat(file.fileno()).st_size > _MOST:
            raise damaged(source, f"it has more than {_MOST >> 30} GB")
        with temporary.open("wb") as copy:
            while piece := file.read(_PIECE):
                copy.write(piece)
    temporary.replace(target)
