"""Which colour a kind of structures has: the same on every page about the same data. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from hpctrain.pages.html import COLOURS


class Colour(NamedTuple):
    """A colour's name in the legend, how many structures have it, and of which kinds."""

    name: str
    structures: int
    kinds: list[str]


def by_colour(structures: Mapping[str, int]) -> list[Colour]:
    """List the colours: one for each of the commonest kinds, then one for all others.

    ``structures`` are those of each kind. Where two kinds are as common, the name decides.
    """
    order = sorted(structures, key=lambda name: (-structures[name], name))
    most = order if len(order) <= COLOURS + 1 else order[:COLOURS]
    colours = [Colour(name, structures[name], [name]) for name in most]
    rest = order[len(most) :]
    if rest:
        many = sum(structures[name] for name in rest)
        colours.append(Colour(f"{len(rest)} other kinds", many, rest))
    return colours
