"""Which structures are trained on, and which are tested on. Pure."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from hpctrain.errors import HpctrainError


def split(structures: Sequence[tuple[str, str]], test_fraction: float, seed: int) -> list[bool]:
    """For each (digest, id): is it a test structure?

    Exactly round(fraction · n) are, halves rounded up. Each structure draws its own lot from its
    digest and the seed, and the lowest lots are tested on: the order of the rows cannot matter.
    """
    total = len(structures)
    wanted = int(total * test_fraction + 0.5)
    if not 0 < wanted < total:
        empty = "test" if wanted == 0 else "training"
        raise HpctrainError(
            f"data.test_fraction {test_fraction:g} of {total} structure{'s' * (total != 1)} "
            f"leaves no {empty} structure",
            f"with {total} structures it can be from {_fraction_limits(total)}"
            if total > 1
            else "at least two structures are needed",
        )
    lots = [hashlib.sha256(f"{seed}:{key}".encode()).digest() for key, _ in structures]
    order = sorted(range(total), key=lambda i: (lots[i], structures[i][1]))
    sides = [False] * total
    for i in order[:wanted]:
        sides[i] = True
    return sides


def _fraction_limits(total: int) -> str:
    return f"{1 / total:.3g} to {1 - 1 / total:.6g}"
