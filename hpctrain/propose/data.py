"""Proposals for the section data: source, labels, selection, split. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hpctrain.data.structures.labels import FORCES_BY_SYMMETRY
from hpctrain.data.structures.other_labels import as_line, convention, full_sets
from hpctrain.propose.keys import Values
from hpctrain.propose.look import Facts
from hpctrain.propose.proposal import Proposal, count

FEW = 20  # structures: a tenth of fewer is one at most
_LEAST_GROUPS = 5


def propose_data(
    facts: Facts,
    source: str | list[str],
    questions: list[str],
    warnings: list[str],
    *,
    is_database: bool,
) -> list[Proposal]:
    """Propose the section data; what only the user can answer is added to ``questions``."""
    return [
        Proposal("source", source, _what(facts)),
        *_labels(facts, questions, warnings),
        _selection(facts, warnings, is_database),
        *_split(facts, warnings),
    ]


def _what(facts: Facts) -> str:
    kinds = {
        "periodic": facts.pbc[True, True, True],
        "not periodic": facts.pbc[False, False, False],
    }
    kinds["periodic in some directions"] = facts.pbc.total() - sum(kinds.values())
    shown = ", ".join(f"{rows:,} {kind}" for kind, rows in kinds.items() if rows)
    singles = sum(map(len, facts.singles.values()))
    alone = f", and {count(singles, 'isolated atom')}" if singles else ""
    return (
        f"{count(facts.pbc.total(), 'labelled structure')} of {', '.join(sorted(facts.bound))} "
        f"({shown}), {count(facts.atoms, 'atom')}{alone}"
    )


def _labels(facts: Facts, questions: list[str], warnings: list[str]) -> Iterator[Proposal]:
    """Propose data.labels, where the usual names are not those of the data."""
    named = list(facts.labels.named.values())
    energies = {one.names["energy"] for one in named}
    for name, rows in facts.labels.energy_only.items():
        if name not in energies:
            warnings.append(
                f"{count(rows, 'single atom')} without forces: the energy is {name}, and that of "
                f"all others {' or '.join(sorted(energies)) or 'energy'}; give them the same name"
            )
    if facts.labels.several or len(named) + (facts.usual > 0) > 1:
        yield from _ask_for_labels(facts, questions)
        return
    if not named:
        return
    (found,) = named
    way = convention(found.names)
    called = f"as {way}" if way else "under these names, and no others"
    if found.names["energy"] == "energy" and found.names["forces"] == "forces":
        called = "in row.data"
    yield Proposal("labels", found.names, f"{count(found.rows, 'row')} have their labels {called}")


def _ask_for_labels(facts: Facts, questions: list[str]) -> Iterator[Proposal]:
    """Propose each set of labels as a line to choose."""
    sets = [one.names for one in facts.labels.named.values()]
    if facts.usual:
        sets = [{"energy": "energy", "forces": "forces"}, *sets]
    sets += full_sets(facts.labels.several)
    lines = {(one["energy"], one["forces"]): one for one in reversed(sets)}
    choices = list(reversed(lines.values()))
    several = facts.labels.several.total()
    why = "not all rows have their labels under the same names"
    if several:
        why = f"{several:,} of {facts.usable:,} rows have several sets of labels, which differ"
    questions.append(f"{why}: which are meant? {'  or  '.join(map(as_line, choices))}")
    for number, one in enumerate(choices):
        reason = "or" if number else f"{why}: choose one of these lines"
        yield Proposal("labels", one, reason, open=True)


def _selection(facts: Facts, warnings: list[str], is_database: bool) -> Proposal:
    """Propose data.select: the rows that are done, where a key says which they are."""
    bad = facts.rows - facts.usable
    reasons = ", ".join(f"{reason}: {rows:,}" for reason, rows in facts.faults.most_common(3))
    if bad:
        words = _without_unlabelled(facts) if is_database else None
        done = _done(facts)
        if done is not None:
            return Proposal("select", f"status={done}", "the status of all rows that have labels")
        if words is not None:
            words = ",".join(filter(None, [facts.select, words]))
            return Proposal("select", words, f"without the rows that have none ({reasons})")
        warnings.append(
            f"{count(bad, 'row')} cannot be trained on ({reasons}): check names them; correct "
            "them, or leave them out with --skip-bad"
        )
    if facts.select:
        return Proposal(
            "select", facts.select, "the rows have the key status, and these are complete"
        )
    if facts.keys.status:
        return Proposal("select", "", "every row: the status does not show which are complete")
    return Proposal("select", "", "every row; they have no key status")


def _without_unlabelled(facts: Facts) -> str | None:
    """Return the words that select the rows of a database with labels, if all others lack one."""
    if facts.labels.named or {*facts.faults} - {"no energy", "no forces"}:
        return None
    if FORCES_BY_SYMMETRY not in facts.notes:
        return "energy,forces"
    return "energy" if "no forces" not in facts.faults else None


def _done(facts: Facts) -> str | None:
    """Return the status of all usable rows, where each row has one, and no other row has it."""
    status = facts.keys.status
    good = {value for value, usable in status if usable}
    if len(good) != 1 or status.total() != facts.rows:
        return None
    (value,) = good
    return None if (value, False) in status else value


def _split(facts: Facts, warnings: list[str]) -> Iterator[Proposal]:
    """Propose how test structures are drawn, and how many."""
    rows = facts.pbc.total()
    given = _given(facts, warnings)
    if given is not None:
        key, sides = given
        told = ", ".join(f"{number:,} {side}" for side, number in sides.items())
        yield Proposal("split", "given", f"the rows say which side they are on ({told})")
        yield Proposal("side_key", key, "the key that says so")
        return
    if rows < FEW:
        fraction = round(min(2, max(rows // 2, 1)) / max(rows, 2) + 0.005, 2)
        yield Proposal(
            "test_fraction", fraction, f"a tenth of {count(rows, 'structure')} is too few to test "
            "on",
        )  # fmt: skip
    if rows < 2:
        warnings.append("there is one structure only: a training needs one more to test on")
    group = _group(facts, rows)
    if group is not None:
        name, values = group
        groups = f"{'more than ' * values.is_full}{len(values.counts):,}"
        yield Proposal(
            "split", "grouped", "rows follow each other like the frames of trajectories: what is "
            "tested on must not have its neighbours in training",
        )  # fmt: skip
        yield Proposal("group_by", name, f"tells the trajectories apart: {groups} of them")
    elif facts.keys.all_rows.follow:
        warnings.append(
            "rows follow each other like the frames of a trajectory, and no key tells them apart "
            "in enough groups: test errors will look better than they are; with such a key, write "
            "split: grouped and group_by"
        )


def _given(facts: Facts, warnings: list[str]) -> tuple[str, dict[str, int]] | None:
    """Return the key that says which side each row is on, and the rows of each; None if none."""
    for key in sorted({name for name, _ in facts.keys.sides}):
        sides = {side: rows for (name, side), rows in facts.keys.sides.items() if name == key}
        if "train" not in sides or len(sides) < 2:
            continue
        if len(sides) == 2 and sum(sides.values()) == facts.usable:
            return key, sides
        warnings.append(
            f"the key {key} tells of {', '.join(sorted(sides))}, not one of two for each row; the "
            f"split is drawn anew (to use it: split: given and side_key: {key}, with a selection "
            f"such as {key}!=val)"
        )
    return None


def _group(facts: Facts, rows: int) -> tuple[str, Values] | None:
    """Return the key that tells trajectories apart, if there is one that splits well."""
    good = [
        (name, values)
        for name, values in facts.keys.origin.items()
        if values.follow
        and values.rows == rows
        and len(values.counts) >= _LEAST_GROUPS
        and max(values.counts.values()) <= rows / 2
        and values.counts.total() >= 2 * len(values.counts)
    ]
    return max(good, key=lambda one: len(one[1].counts), default=None)
