"""How far a Pacemaker is, from its tables and its log; and its curves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from hpctrain.engines.curves import Both, GrowingFiles, Json, Reader, Stand
from hpctrain.engines.pacemaker.log import LogReader
from hpctrain.engines.pacemaker.tables import TableReader, on_train_epochs
from hpctrain.engines.points import last_point

TRAIN, TEST, LOG = "metrics.txt", "test_metrics.txt", "log.txt"
FILES = GrowingFiles(TRAIN, TEST, TableReader, {LOG: LogReader})


def stand(states: Mapping[str, Json]) -> Stand:
    """Return how far a start is, by its readers' states: from the tables, else from the log."""
    table, tests = states.get(TRAIN), states.get(TEST)
    log = states[LOG]["part"] if LOG in states else None
    return Stand(
        last_point(table, "points") or last_point(log, "points"),
        last_point(tests, "points") or last_point(log, "test_points"),
        last_point(tests, "best"),
        last_point(table, "at_wanted"),
        _pace(log),
    )


def curves(read: Mapping[str, Reader]) -> Both:
    """Take each curve from its table, and from the log where the table is lost."""
    table, tests, log = read[TRAIN], read[TEST], read[LOG]
    assert isinstance(table, TableReader)
    assert isinstance(tests, TableReader)
    assert isinstance(log, LogReader)
    train = table.points or log.last.points
    return train, on_train_epochs(tests.points or log.last.test_points, train)


def _pace(log: Json | None) -> float | None:
    """Return seconds per iteration since the first: before it the trainer builds its graphs."""
    last = last_point(log, "points")
    if log is None or last is None or not log["times"] or last.epoch == log["first"]:
        return None
    try:
        began, ended = (
            datetime.strptime(time, "%Y-%m-%d %H:%M:%S,%f") for time in log["times"]
        )  # fmt: skip
    except ValueError:  # no time of this calendar
        return None
    return (ended - began).total_seconds() / (last.epoch - int(log["first"]))
