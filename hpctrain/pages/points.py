"""The points that a verification has left of the errors, by structure and colour. Pure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from hpctrain.pages.html import number, together
from hpctrain.pages.kinds import Colour, by_colour
from hpctrain.pages.subject import Checks

SIDES = ("train", "test")
_NAMED = 6  # of those beyond a figure
Json = Mapping[str, Any]


class Dot(NamedTuple):
    """A structure: labelled and predicted energy (eV/atom), the shortest distance in it (Å)."""

    colour: int
    kind: str
    label: float
    predicted: float
    id: str | None = None
    nearest: float | None = None

    @property
    def error(self) -> float:
        """Return predicted less labelled, meV/atom."""
        return 1000.0 * (self.predicted - self.label)

    @property
    def name(self) -> str:
        """Name the structure, as far as it is known."""
        return f"{self.id} ({self.kind})" if self.id is not None else self.kind


def side_of(checks: Checks, side: str) -> Json:
    """Return what the check of parity has of one side."""
    return checks.data("parity", side) or {}


def kinds_of(checks: Checks, side: str) -> dict[str, Json]:
    """Return what it has of each kind on one side."""
    return dict(side_of(checks, side).get("kinds") or {})


def colours(checks: Checks, exported: Mapping[str, int]) -> list[Colour]:
    """Return the colours of the kinds: by what was exported, as on the page of ``check``.

    A verification may be of fewer structures, or of others.
    """
    checked: dict[str, int] = {}
    for side in SIDES:
        for name, kind in kinds_of(checks, side).items():
            checked[name] = checked.get(name, 0) + int(kind.get("structures") or 0)
    return by_colour({**checked, **exported} if checked else {})


def energies(checks: Checks, side: str, some: Sequence[Colour]) -> tuple[list[Dot], int]:
    """List a random sample of a side, then those of its largest errors that are not in it.

    And how many they are.
    """
    places = {name: n for n, colour in enumerate(some) for name in colour.kinds}
    dots = []
    for kind, one in kinds_of(checks, side).items():
        pairs = one.get("energies") or []
        if not pairs:
            continue
        ids, nearest = (one.get(key) or [None] * len(pairs) for key in ("ids", "nearest"))
        for (label, predicted), row, distance in zip(pairs, ids, nearest, strict=True):
            if label is not None and predicted is not None:
                name = None if row is None else str(row)
                dots.append(Dot(places[kind], kind, label, predicted, name, distance))
    known, more = {dot.id for dot in dots}, []
    for row in side_of(checks, side).get("largest_energy_errors") or []:
        label, error = row.get("label_ev_per_atom"), row.get("error_mev_per_atom")
        kind, name = str(row.get("kind")), str(row.get("id"))
        if label is not None and error is not None and name not in known and kind in places:
            more.append(Dot(places[kind], kind, label, label + error / 1000.0, name))
    return [*dots, *more], len(more)


def beyond(dots: Sequence[Dot]) -> str:
    """Name the structures that lie beyond a figure, those with the largest errors first."""
    if not dots:
        return ""
    order = sorted(dots, key=lambda dot: -abs(dot.error))
    named = ", ".join(
        together(dot.name, f"{number(dot.label, '.3f')}", "→", number(dot.predicted, ".3f"))
        for dot in order[:_NAMED]
    )
    more = f", and {len(order) - _NAMED:,} more" if len(order) > _NAMED else ""
    return f"Beyond the figure (×), labelled → predicted: {named}{more}."
