"""Points of learning curves as JSON, in the states of readers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import fields

from hpctrain.engines.curves import Json, TrainingMetrics

_NAMES = tuple(field.name for field in fields(TrainingMetrics))


def write_points(points: Iterable[TrainingMetrics | None]) -> list[Json]:
    """Return points as JSON holds them, without those that are None; runs have thousands."""
    return [{name: getattr(one, name) for name in _NAMES} for one in points if one is not None]


def read_points(state: Iterable[Json]) -> list[TrainingMetrics]:
    """Read points back from JSON."""
    return [TrainingMetrics(**{**point, "key": tuple(point["key"])}) for point in state]


def last_point(state: Json | None, name: str = "points") -> TrainingMetrics | None:
    """Return the last of the points that a reader's state has under a name."""
    if not state or not state[name]:
        return None
    last = state[name][-1]
    energy, force, loss = last["rmse_energy"], last["rmse_force"], last["loss"]
    return TrainingMetrics(int(last["epoch"]), float(energy), float(force),
                           None if loss is None else float(loss), tuple(last["key"]))  # fmt: skip
