"""How far a gracemaker is, from its tables and its log; and its curves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hpctrain.engines.curves import Both, GrowingFiles, Json, Reader, Stand
from hpctrain.engines.grace.log import TimesReader
from hpctrain.engines.grace.tables import MetricsReader
from hpctrain.engines.points import last_point

TRAIN, TEST, LOG = "train_metrics.yaml", "test_metrics.yaml", "log.txt"


def growing_files(mapping: Mapping[str, Any]) -> GrowingFiles:
    """Return the files that tell how far a training is: in a folder that has the seed's name."""
    folder = f"seed/{mapping.get('seed', 1)}"
    return GrowingFiles(
        f"{folder}/{TRAIN}", f"{folder}/{TEST}", MetricsReader, {f"{folder}/{LOG}": TimesReader}
    )


def stand(states: Mapping[str, Json]) -> Stand:
    """Return how far a start is, by its readers' states."""
    by_name = {path.rpartition("/")[2]: state for path, state in states.items()}
    train, test, log = (by_name.get(name) for name in (TRAIN, TEST, LOG))
    return Stand(
        last_point(train),
        last_point(test),
        last_point(test, "best"),
        last_point(train, "at_wanted"),
        TimesReader.from_state(log).pace() if log else None,
    )


def curves(read: Mapping[str, Reader]) -> Both:
    """Return both curves of a start; the log tells no errors that the tables do not."""
    by_name = {path.rpartition("/")[2]: reader for path, reader in read.items()}
    train, test = by_name[TRAIN], by_name[TEST]
    assert isinstance(train, MetricsReader)
    assert isinstance(test, MetricsReader)
    return train.points, test.points
