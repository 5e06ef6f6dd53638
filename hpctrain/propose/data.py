"""Proposals for the section data: source, labels, selection, split. Pure."""

from __future__ import annotations

from collections.abc import Iterator

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
        *_labels(facts, questions),
        _selection(facts, warnings, is_database),
        *_split(facts, warnings),
    ]


def _what(facts: Facts) -> str:
    kinds = {
        "periodic": facts.pbc[True, True, True],
        "not periodic": facts.pbc[False, False, False],
    }
    kinds["periodic in some directions"] = facts.pbc.total() - sum(kinds.values())
    shown = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
    singles = sum(map(len, facts.singles.values()))
    alone = f", and {count(singles, 'isolated atom')}" if singles else ""
    return (
        f"{count(facts.pbc.total(), 'labelled structure')} of {', '.join(sorted(facts.bound))} "
        f"({shown}), {count(facts.atoms, 'atom')}{alone}"
    )


def _labels(facts: Facts, questions: list[str]) -> Iterator[Proposal]:
    """Propose data.labels, where the usual names are not those of the data."""
    named = list(facts.labels.named.values())
    others = full_sets(facts.labels.several)
    if facts.labels.several or len(named) + (facts.usual > 0) > 1:
        sets = {as_line(one): one for one in (*others, *(one.names for one in named))}
        usual = {"energy": "energy", "forces": "forces"}
        if facts.usual:
            sets = {as_line(usual): usual, **sets}
        rows = facts.labels.several.total()
        why = (
            f"{count(rows, 'row')} of {facts.usable:,} have several sets of labels, which differ"
            if rows
            else "not all rows have their labels under the same names"
        )
        questions.append(f"{why}: which are meant? {'  or  '.join(sets)}")
        for one in sets.values():
            yield Proposal("labels", one, f"{why}: choose one of these lines", open=True)
        return
    if not named:
        return
    (found,) = named
    way = convention(found.names)
    called = f"as {way}" if way else "under these names, and no others"
    if found.names["energy"] == "energy" and found.names["forces"] == "forces":
        called = "in row.data"
    yield Proposal("labels", found.names, f"{count(found.rows, 'row')} have their labels {called}")


def _selection(facts: Facts, warnings: list[str], is_database: bool) -> Proposal:
    """Propose data.select: the rows that are done, where a key says which they are."""
    bad = facts.rows - facts.usable
    reasons = ", ".join(f"{reason}: {count:,}" for reason, count in facts.faults.most_common(3))
    lacking = sum(count for why, count in facts.faults.items() if why in ("no energy", "no forces"))
    if bad and bad == lacking and is_database and not facts.labels.named:
        words = [*filter(None, [facts.select]), "energy", "forces"]
        return Proposal("select", ",".join(words), f"without the rows that have none ({reasons})")
    if bad:
        warnings.append(
            f"{count(bad, 'row')} cannot be trained on ({reasons}): check names them; mend them, "
            "or leave them out with --skip-bad"
        )
    if facts.select:
        return Proposal("select", facts.select, "the rows have the key status, and these are done")
    if facts.keys.status:
        return Proposal("select", "", "every row: the status of none is 'completed'")
    return Proposal("select", "", "every row; they have no key status")


def _split(facts: Facts, warnings: list[str]) -> Iterator[Proposal]:
    """Propose how test structures are drawn, and how many."""
    rows = facts.pbc.total()
    if rows < FEW:
        fraction = round(min(2, max(rows // 2, 1)) / max(rows, 2) + 0.005, 2)
        yield Proposal(
            "test_fraction", fraction, f"there are only {count(rows, 'structure')}: a tenth of "
            "them is too few to test on",
        )  # fmt: skip
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
    warnings.extend(
        f"the key {key} says which rows are for training and which for testing; the split is "
        "drawn anew"
        for key in sorted({name for name, _ in facts.keys.sides})
    )


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
