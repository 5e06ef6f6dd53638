"""Processes that take the pieces of a large source apart, on the cores that are there.

A program of its own, which ``Workers`` starts several times:

    python -m hpctrain.data.workers
"""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import TypeAlias

from hpctrain.data.parts import Part, Rules, make_part, set_sides
from hpctrain.data.sources.label_names import Labels
from hpctrain.data.sources.pieces import Piece
from hpctrain.process import Worker, WorkerLost, answer_each

# More would wait for this process, which reads the source and writes what they have made of it;
# and on a login node others work too.
MOST = 4
# Control groups (version 2), and the one of this process.
CGROUPS, CGROUP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")

Job: TypeAlias = tuple[Mapping[str, "str | None"], Rules, "str | None", Piece]


class Workers:
    """Processes that make parts of pieces, as many as there are cores; not started before needed.

    Only what is plain is left to them. What needs an error, or is to be named as one of the first
    of all, is done in the process that has asked, in its turn; so is what was with a worker that
    was killed, or could not be started. Nothing else changes with the number of workers.
    """

    def __init__(self, names: Mapping[str, str | None], rules: Rules) -> None:
        self._names, self._rules = names, rules
        self._workers: list[Worker] | None = None

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 trace: TracebackType | None) -> None:  # fmt: skip
        for worker in self._workers or ():
            worker.stop()

    def make_parts(
        self, pieces: Iterable[Piece], side: str | None, labels: Labels
    ) -> Iterator[Part]:
        """Make the part of every piece, in order; ``side`` is that of their source, if given.

        Each worker has one piece at most, and those of all are worked on while one is waited for.
        """
        for piece, part in self._share(pieces, side):
            yield part or _make_part(piece, side, labels, self._rules)

    def _share(
        self, pieces: Iterable[Piece], side: str | None
    ) -> Iterator[tuple[Piece, Part | None]]:
        """Yield every piece with what a worker has made of it; None: it is still to be done."""
        if self._workers is None:
            self._workers = list(_start())
        idle = deque(self._workers)
        busy: deque[tuple[Piece, Worker | None]] = deque()
        try:
            for piece in pieces:
                done = self._receive(busy, idle) if busy and not idle else None
                busy.append((piece, self._send(piece, side, idle)))
                if done is not None:
                    yield done
        except Exception:
            while busy:  # what came before the error comes first
                yield self._receive(busy, idle)
            raise
        while busy:
            yield self._receive(busy, idle)

    def _send(self, piece: Piece, side: str | None, idle: deque[Worker]) -> Worker | None:
        while piece.portable and idle:
            worker = idle.popleft()
            try:
                worker.send((self._names, self._rules, side, piece))
            except WorkerLost:
                continue
            return worker
        return None

    def _receive(
        self, busy: deque[tuple[Piece, Worker | None]], idle: deque[Worker]
    ) -> tuple[Piece, Part | None]:
        piece, worker = busy.popleft()
        part = None
        if worker is not None:
            try:
                part = worker.receive()
            except WorkerLost:
                return piece, None
            idle.append(worker)
        assert part is None or isinstance(part, Part)
        return piece, part


def _start() -> Iterator[Worker]:
    cores = count_cores()
    for _ in range(min(cores, MOST) if cores > 1 else 0):
        try:
            yield Worker([sys.executable, "-m", __spec__.name])
        except WorkerLost:
            return


def count_cores() -> int:
    """Count the cores that this process may use: its own, or what its control group gets."""
    cores = len(os.sched_getaffinity(0))
    try:
        here = CGROUP.read_text(encoding="ascii").strip().rpartition("::/")[2]
        for folder in (CGROUPS / here / "x").parents:
            limit = folder / "cpu.max"
            if limit.is_file():
                quota, period = limit.read_text(encoding="ascii").split()
                if quota != "max":
                    cores = min(cores, max(1, int(quota) // int(period)))
    except (OSError, ValueError):
        pass  # an older kind of control groups, or none
    return cores


def _make_part(piece: Piece, side: str | None, labels: Labels, rules: Rules) -> Part:
    return make_part(list(set_sides(piece.structures(labels), side, rules)), rules)


def _make(job: Job) -> Part | None:
    """Make the part of a piece; None where the process that has asked must do it."""
    names, rules, side, piece = job
    labels = Labels(names)
    try:
        part = _make_part(piece, side, labels, rules)
    except Exception:  # noqa: BLE001  it will come again there
        return None
    return None if labels.named else part


if __name__ == "__main__":
    answer_each(_make)
