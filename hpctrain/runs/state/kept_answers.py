"""The answers of schedulers, kept for a few seconds for every command of the project.

So ``watch hpctrain status`` cannot hammer a controller, and one that does not answer is asked less
and less often. The last good answer is kept, to say what was known before.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import Any

from hpctrain.errors import SiteUnreachable
from hpctrain.files import encodable, write_atomically
from hpctrain.records import BadFile, read_record
from hpctrain.runs.jobs import run_ids_of
from hpctrain.schedulers.base import JobView, NotKept, Scheduler
from hpctrain.shapes import Seconds

MOST = 256 << 20  # bytes of an answer: a queue may hold a hundred thousand jobs
PAUSE_S, LONGEST_PAUSE_S = 5.0, 300.0

# What decides which cluster the scheduler's programs ask.
_STEERING = ("SLURM_CONF", "SLURM_CLUSTERS", "PBS_CONF_FILE", "PBS_DEFAULT", "PBS_SERVER")


@dataclass(frozen=True)
class KeptAnswer:
    """One answer of a queue or an accounting; or why there is none.

    ``error`` is why there is none, ``failing_since`` when that began (seconds). ``views`` are of
    the last good answer, given at ``time``; where there is an error they are out of date. ``asked``
    is 0 until somebody has asked. ``never``: there will be no answer, nothing of the kind is kept
    there.
    """

    views: list[JobView] = field(default_factory=list)
    time: Seconds = 0.0
    since: Seconds = 0.0
    error: str | None = None
    failing_since: Seconds | None = None
    failures: int = 0
    asked: Seconds = 0.0
    never: bool = False

    @cached_property
    def by_run(self) -> dict[str, list[JobView]]:
        """Return the jobs by the run whose token they carry: a thousand find theirs at once."""
        found: dict[str, list[JobView]] = {}
        for view in self.views:
            for run_id in run_ids_of(view):
                found.setdefault(run_id, []).append(view)
        return found


def ask_unless_fresh(
    folder: Path,
    name: str,
    ask: Callable[[], list[JobView]],
    now: float,
    *,
    fresh_s: float,
    since: float = 0.0,
) -> KeptAnswer:
    """Return the kept answer if it is fresh and reaches back to ``since``, else ask.

    After a failure nobody asks again for a pause that doubles each time.
    """
    path = folder / f"{name}.json"
    kept = _read(path)
    age = now - kept.asked
    if not kept.asked:
        pass
    elif kept.error is not None:
        if 0 <= age < min(PAUSE_S * 2 ** min(kept.failures - 1, 10), LONGEST_PAUSE_S):
            return kept
    elif 0 <= age < fresh_s and kept.since <= since:
        return kept
    try:
        answer = KeptAnswer(ask(), time=now, since=since, asked=now)
    except SiteUnreachable as error:
        answer = KeptAnswer(
            kept.views,
            time=kept.time,
            since=kept.since,
            error=error.message,
            failing_since=now if kept.failing_since is None else kept.failing_since,
            failures=kept.failures + 1,
            asked=now,
            never=isinstance(error, NotKept),
        )
    _keep(path, answer)
    return answer


def answer_name(scheduler: Scheduler, kind: str) -> str:
    """Name the answers of one scheduler to one user on one machine: others are told otherwise."""
    asks = [str(os.getuid()), os.uname().nodename, scheduler.clusters or ""]
    asks += [os.environ.get(name, "") for name in _STEERING]
    digest = hashlib.sha256("\0".join(asks).encode("utf-8", "surrogateescape")).hexdigest()
    return f"{scheduler.name}-{digest[:8]}-{kind}"


def forget(folder: Path) -> None:
    """Make everybody ask again, after a change; what was known, and since when not, is kept."""
    for path in [*folder.glob("*-queue.json"), *folder.glob("*-accounting.json")]:
        _keep(path, replace(_read(path), asked=0.0))


def _keep(path: Path, answer: KeptAnswer) -> None:
    with contextlib.suppress(OSError):  # a cache is a kindness, not a need
        path.parent.mkdir(parents=True, exist_ok=True)
        content = {**vars(answer), "views": [vars(view) for view in answer.views]}
        content.pop("by_run", None)
        write_atomically(path, encodable(json.dumps(content, separators=(",", ":"))))


def _read(path: Path) -> KeptAnswer:
    try:
        kept: Any = read_record(path, KeptAnswer, MOST)  # as JSON has it: mappings for records
        if kept is None:
            return KeptAnswer()
        views = [JobView(**view) for view in kept.pop("views")]
        return KeptAnswer(views, **kept)
    except (BadFile, TypeError):
        return KeptAnswer()  # damaged, or written by another version
