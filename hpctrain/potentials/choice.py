"""What was chosen: the files that tell it, and the records of ``--json`` and of its page. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TypedDict

from hpctrain.shapes import Count

if TYPE_CHECKING:
    from hpctrain.data.structures.extxyz import Structure


# Names of the files in its folder; the first four are those of job/NAME/select.
REQUEST, CANDIDATES, PROGRESS, RESULT = (
    "request.json", "candidates.jsonl", "progress.json", "choice.json"
)  # fmt: skip
ASKED, POTENTIAL, ACTIVE_SET = "asked.json", "potential.yaml", "active_set.asi"


class UnusableFacts(TypedDict):
    """A candidate that cannot be graded."""

    id: str
    why: str


class Asked(TypedDict):
    """asked.json: what was to be chosen, and for what; ``ids`` and ``source_of`` by candidate."""

    potential: str
    generation: int | None
    output: str
    wanted: Count
    read: Count
    ids: list[str]
    source_of: list[str]
    unusable: list[UnusableFacts]
    alike: list[list[str]]
    compared: bool


class ElementFacts(TypedDict):
    """How many functions an element has, and how many of them the active set knows."""

    functions: Count
    known: Count


class ChosenFacts(TypedDict):
    """One that was chosen, by its place among the candidates."""

    index: Count
    grade: float
    atom: Count
    adds: float
    swaps: Count
    unseen: Count


class Result(TypedDict):
    """choice.json: what the trainer's side has found; ``grades`` by candidate."""

    grades: list[float | None]
    problems: dict[str, str]
    elements: dict[str, ElementFacts]
    extrapolating: Count
    chosen: list[ChosenFacts]
    reduced: Count
    seconds: float


class Progress(TypedDict):
    """progress.json: how many candidates are graded."""

    done: Count
    of: Count


def fits(asked: Asked, result: Result) -> bool:
    """Say whether a result is of these candidates."""
    count = len(asked["ids"])
    places = [one["index"] for one in result["chosen"]] + [*map(int, result["problems"])]
    return len(asked["source_of"]) == len(result["grades"]) == count > max(places, default=-1)


def describe(asked: Asked, result: Result, structures: Sequence[Structure]) -> dict[str, Any]:
    """Put together what ``--json`` says of a selection; ``structures`` are those chosen."""
    from hpctrain.data.candidates import formula, symbol

    ids, sources = asked["ids"], asked["source_of"]
    failed = [
        {"id": ids[int(index)], "why": why} for index, why in sorted(result["problems"].items())
    ]
    chosen = [
        {
            "rank": rank,
            "id": ids[one["index"]],
            "source": sources[one["index"]],
            "formula": formula(structure.numbers),
            "grade": one["grade"],
            "adds": one["adds"],
            "atom": one["atom"] + 1,
            "element": symbol(structure.numbers[one["atom"]]),
            "reason": reason(one),
        }
        for rank, (one, structure) in enumerate(
            zip(result["chosen"], structures, strict=True), start=1
        )
    ]
    facts = {
        "output": None,
        "page": None,
        "potential": asked["potential"],
        "generation": asked["generation"],
        "wanted": asked["wanted"],
        "candidates": asked["read"],
        "unusable": [*asked["unusable"], *failed],
        "alike": [{"id": one, "like": other} for one, other in asked["alike"]],
        "graded": sum(grade is not None for grade in result["grades"]),
        "extrapolating": result["extrapolating"],
        "elements": result["elements"],
        "chosen": chosen,
        "seconds": result["seconds"],
    }
    return {**facts, "notes": notes(facts, compared=asked["compared"], reduced=result["reduced"])}


def reason(one: ChosenFacts) -> str:
    """Say in words why a structure was chosen."""
    wider = one["swaps"] - one["unseen"]
    words = []
    if one["unseen"]:
        words.append(f"{_counted(one['unseen'], 'function')} new to the training set")
    if wider:
        words.append(f"{_counted(wider, 'atom')} outside it")
    return ", ".join(words)


def _counted(count: int, what: str) -> str:
    return f"{count} {what}{'s' * (count > 1)}"


def notes(facts: dict[str, Any], *, compared: bool, reduced: int) -> list[str]:
    """Say what people should know of a selection."""
    chosen, wanted = len(facts["chosen"]), facts["wanted"]
    lines = []
    if not facts["extrapolating"]:
        lines.append(
            f"no candidate extrapolates: all lie within what {facts['potential']} was trained on"
        )
    elif chosen < wanted:
        lines.append(
            f"{chosen} of {wanted}: beyond these no candidate adds anything to the active set"
        )
    for name, one in facts["elements"].items():
        if one["known"] < one["functions"]:
            lines.append(
                f"{name}: the active set knows {one['known']} of {one['functions']} functions; the "
                "grade does not see the others, the choice does"
            )
    for what, words in (
        ("unusable", "cannot be graded"),
        ("alike", "are like others, or like the training set"),
    ):
        if facts[what]:
            first = ", ".join(str(one["id"]) for one in facts[what][:3])
            lines.append(
                f"{len(facts[what])} candidates {words}: {first}"
                + (", …" if len(facts[what]) > 3 else "")
                + (f" ({facts[what][0]['why']})" if what == "unusable" else "")
            )
    if not compared:
        lines.append(
            "the structures that it was trained on are not known here: candidates like them "
            "are only left out by their grade"
        )
    if reduced:
        lines.append(
            "there were more extrapolating candidates than fit into memory: the best of those "
            "before were held against those that came later"
        )
    return lines
