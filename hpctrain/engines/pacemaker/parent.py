"""Training on from an earlier potential: what may differ from its input. Pure.

Pacemaker adds functions to the basis of a potential that it is given, and keeps everything else of
its blocks (cutoff, radial functions, embedding), whatever the input says: 0.4.0rc1,
multispecies_basisextension.extend_basis_block. Differences are refused before the queue.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from hpctrain.engines.facts import Parent
from hpctrain.engines.pacemaker.faults import CAP, functions_of
from hpctrain.engines.pacemaker.settings import PacemakerTraining
from hpctrain.errors import HpctrainError


def _input(parent: Parent) -> Mapping[str, Any]:
    assert parent.card is not None  # of the archive: Pacemaker goes on from nothing else
    mapping: Mapping[str, Any] = parent.card["input"]
    return mapping


def refuse_auto(training: PacemakerTraining, parent: Parent) -> None:
    """Refuse a size that the job chooses: a basis that is there cannot become smaller."""
    if training.b_basis_size == "auto":
        known = functions_of(_input(parent)) or "…"
        raise HpctrainError(
            f"training.b_basis_size is auto, and the training goes on from {parent.name}: its "
            "basis cannot become smaller",
            f"write the parent's: b_basis_size: {known}",
        )


def adapt(parent: Parent, mapping: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """Turn an input into one that goes on; HpctrainError where the parent does not fit it."""
    reasons = [*obstacles(_input(parent)["potential"], mapping["potential"])]
    if reasons:
        raise HpctrainError(
            "\n  ".join([f"training cannot go on from {parent.name}:", *reasons]),
            "Pacemaker would keep the parent's settings without a word: set the same "
            "(training: in hpctrain.yaml, or --set), or train without --from",
        )
    result, climbed = without_ladder(mapping)
    return result, ["the ladder is left out: it would begin from an empty basis; what the parent's "
                    "basis lacks is added at once"] if climbed else []  # fmt: skip


def obstacles(parent: Mapping[str, Any], wanted: Mapping[str, Any]) -> Iterator[str]:
    """Say what keeps a training from going on from a potential; nothing where it can.

    ``parent`` and ``wanted`` are the section ``potential`` of the two inputs.
    """
    old, new = parent.get("elements") or [], wanted.get("elements") or []
    lost = [element for element in old if element not in new]
    if lost:
        yield (
            f"the parent has {', '.join(lost)}, which the selected data do not hold: "
            "select data with all its elements"
        )
    for section in ("embeddings", "bonds"):
        if parent.get(section) != wanted.get(section):
            yield from _differences(section, parent.get(section), wanted.get(section))
    others = {*parent, *wanted} - {"elements", "embeddings", "bonds", "functions"}
    for key in sorted(others):
        if parent.get(key) != wanted.get(key):
            yield _difference(key, parent.get(key), wanted.get(key))
    yield from _fewer_functions(
        parent.get("functions"), wanted.get("functions"), len(old), len(new)
    )


def _differences(name: str, old: Any, new: Any) -> Iterator[str]:
    if not isinstance(old, dict) or not isinstance(new, dict):
        yield _difference(name, old, new)
        return
    for key in sorted({*map(str, old), *map(str, new)}):
        if old.get(key) != new.get(key):
            yield from _differences(f"{name}.{key}", old.get(key), new.get(key))


def _difference(name: str, old: Any, new: Any) -> str:
    before, now = ("not there" if value is None else value for value in (old, new))
    return f"potential.{name} is {before} in the parent and {now} now"


def _fewer_functions(old: Any, new: Any, elements: int, now: int) -> Iterator[str]:
    # A block gets cap * elements / blocks functions of what the orders of its kind offer.
    if not isinstance(old, dict) or not isinstance(new, dict):
        if old != new:
            yield "potential.functions cannot be compared with the parent's"
        return
    before, after = old.get(CAP), new.get(CAP)
    if after is not None and (before is None or _share(after, now) < _share(before, elements)):
        enough = "" if before is None else (
            f"; {_share(before, elements) * 2 ** (now - 1)} or more are needed"
        )  # fmt: skip
        yield (
            f"{after} functions per element for {now} element{'s' * (now > 1)} are fewer than the "
            f"parent's {before} for {elements} (training.b_basis_size){enough}"
        )
    for kind in sorted({*old} - {CAP}):
        shapes = [_shape(functions.get(kind)) for functions in (old, new)]
        if None in shapes and old.get(kind) != new.get(kind):
            yield f"potential.functions.{kind} cannot be compared with the parent's"
        elif any(not _covers(a, b) for a, b in zip(*shapes, strict=True)):
            yield f"potential.functions.{kind} has fewer orders, n or l than the parent's"


def _share(cap: int, elements: int) -> int:
    # For n elements there are n * 2^(n-1) blocks.
    return int(cap) // int(2 ** (elements - 1))


def _shape(kind: Any) -> tuple[list[int], list[int]] | None:
    if isinstance(kind, dict) and {*kind} == {"nradmax_by_orders", "lmax_by_orders"}:
        return kind["nradmax_by_orders"], kind["lmax_by_orders"]
    return None


def _covers(old: Sequence[int], new: Sequence[int]) -> bool:
    return len(old) <= len(new) and all(a <= b for a, b in zip(old, new, strict=False))


def without_ladder(mapping: Mapping[str, Any]) -> tuple[dict[str, Any], bool]:
    """Return the input without a ladder, and whether it had one.

    With one, ``-p`` begins from an empty basis (0.4.0rc1).
    """
    fit = {
        key: value
        for key, value in mapping["fit"].items()
        if key not in ("ladder_step", "ladder_type")
    }
    return {**mapping, "fit": fit}, fit != mapping["fit"]
