"""Proposals for hpctrain.yaml, each with its reason, from the facts of the data. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from hpctrain.data.structures.other_labels import as_line, convention, full_sets
from hpctrain.engines.pacemaker import size
from hpctrain.propose.keys import Values
from hpctrain.propose.look import RADII, Facts, Sample

# Enough neighbours of an atom; four shells of fcc have 12 + 6 + 24 + 12 = 54, five of bcc 58.
ENOUGH = 50
LEAST, MOST = 5.0, 8.0  # Å
DAMPED = 1.0  # Å within the cutoff where interactions fade out
LARGEST_MOLECULE = 6.0  # Å; beyond it little is gained
_TEST_FRACTION = 0.1
_SAME_ATOM = 1e-3  # eV
_LEAST_GROUPS = 5


@dataclass(frozen=True)
class Proposal:
    """A line of hpctrain.yaml, and why; ``open``: it is a choice that the user has to make."""

    key: str
    value: Any
    reason: str
    open: bool = False


@dataclass(frozen=True)
class Proposals:
    """The lines of both sections; ``questions`` are those that only the user can answer."""

    data: list[Proposal]
    training: list[Proposal]
    questions: list[str]
    warnings: list[str]


def propose(facts: Facts, source: str | list[str], *, is_database: bool) -> Proposals:
    """Propose settings for the rows that were looked at."""
    questions: list[str] = []
    warnings: list[str] = []
    data = [
        Proposal("source", source, _what(facts)),
        *_labels(facts, questions),
        _selection(facts, warnings, is_database),
        *_split(facts, warnings),
    ]
    cutoff = choose_cutoff(facts.samples)
    isolated, elements = split_singles(facts, cutoff.value)
    training = [
        cutoff,
        *_size(facts, elements, cutoff.value),
        _references(facts, isolated, elements),
        *_evaluator(facts),
    ]
    return Proposals(data, training, questions, warnings)


def _count(number: int, word: str) -> str:
    return f"{number:,} {word}{'s' * (number != 1)}"


def _what(facts: Facts) -> str:
    kinds = {
        "periodic": facts.pbc[True, True, True],
        "not periodic": facts.pbc[False, False, False],
    }
    kinds["periodic in some directions"] = facts.pbc.total() - sum(kinds.values())
    shown = ", ".join(f"{count:,} {kind}" for kind, count in kinds.items() if count)
    singles = sum(map(len, facts.singles.values()))
    alone = f", and {_count(singles, 'isolated atom')}" if singles else ""
    return (
        f"{_count(facts.pbc.total(), 'labelled structure')} of {', '.join(sorted(facts.bound))} "
        f"({shown}), {_count(facts.atoms, 'atom')}{alone}"
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
            f"{_count(rows, 'row')} of {facts.usable:,} have several sets of labels, which differ"
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
    yield Proposal("labels", found.names, f"{_count(found.rows, 'row')} have their labels {called}")


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
            f"{_count(bad, 'row')} cannot be trained on ({reasons}): check names them; mend them, "
            "or leave them out with --skip-bad"
        )
    if facts.select:
        return Proposal("select", facts.select, "the rows have the key status, and these are done")
    if facts.keys.status:
        return Proposal("select", "", "every row: the status of none is 'completed'")
    return Proposal("select", "", "every row; they have no key status")


def _split(facts: Facts, warnings: list[str]) -> Iterator[Proposal]:
    """Propose how test structures are drawn, and how many."""
    count = facts.pbc.total()
    fraction = _TEST_FRACTION
    if count < 20:
        fraction = round(min(2, max(count // 2, 1)) / max(count, 2) + 0.005, 2)
        yield Proposal(
            "test_fraction", fraction, f"of {_count(count, 'structure')}: a test set of one tells "
            "little" if count > 3 else "there are hardly any structures",
        )  # fmt: skip
    group = _group(facts, count)
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


def _group(facts: Facts, count: int) -> tuple[str, Values] | None:
    """Return the key that tells trajectories apart, if there is one that splits well."""
    good = [
        (name, values)
        for name, values in facts.keys.origin.items()
        if values.follow
        and values.rows == count
        and len(values.counts) >= _LEAST_GROUPS
        and max(values.counts.values()) <= count / 2
        and values.counts.total() >= 2 * len(values.counts)
    ]
    return max(good, key=lambda one: len(one[1].counts), default=None)


def choose_cutoff(samples: list[Sample]) -> Proposal:
    """Propose the cutoff: four shells of neighbours, or all of a molecule."""
    solid = [one for one in samples if not one.finite]
    finite = [one for one in samples if one.finite]
    if sum(one.atoms for one in solid) >= sum(one.atoms for one in finite) and solid:
        within = [_median([(s.neighbours[n], s.atoms) for s in solid]) for n in range(len(RADII))]
        enough = [r for r, seen in zip(RADII, within, strict=True) if seen >= ENOUGH]
        cutoff = min(max(enough[0] if enough else MOST, LEAST), MOST)
        return Proposal(
            "cutoff", cutoff, f"Å; an atom has {within[RADII.index(cutoff)]:.0f} neighbours there; "
            "four shells of fcc have 54",
        )  # fmt: skip
    if not finite:
        return Proposal("cutoff", 6.0, "Å; the default: no neighbours could be counted")
    long = _median([(one.length, one.atoms) for one in finite])
    if max(one.length for one in finite) >= RADII[-1] - 0.5 and long > LARGEST_MOLECULE:
        return Proposal(
            "cutoff", LARGEST_MOLECULE, f"Å; the molecules are larger ({long:.1f} Å and more), but "
            "what is farther away has little influence",
        )  # fmt: skip
    cutoff = min(max(math.ceil(2 * (long + DAMPED)) / 2, LEAST), LARGEST_MOLECULE)
    return Proposal(
        "cutoff", cutoff, f"Å; the largest distance in a molecule is {long:.1f} Å (median); near "
        "the cutoff little is seen, so there is room beyond it",
    )  # fmt: skip


def _median(values: Iterable[tuple[float, int]]) -> float:
    """Return the median of values that count as often as structures have atoms."""
    ordered = sorted(values)
    half, seen = sum(weight for _, weight in ordered) / 2, 0
    for value, weight in ordered:
        seen += weight
        if seen >= half:
            return value
    return 0.0


def split_singles(facts: Facts, cutoff: float) -> tuple[dict[str, list[float]], list[str]]:
    """Return the energies (eV) of isolated atoms by element, and the elements of the potential."""
    isolated, bound = {}, set(facts.bound)
    for element, found in facts.singles.items():
        alone = [energy for energy, nearest in found if nearest > cutoff]
        if len(alone) < len(found):
            bound.add(element)
        if alone:
            isolated[element] = alone
    return isolated, sorted(bound)


def _size(facts: Facts, elements: list[str], cutoff: float) -> Iterator[Proposal]:
    """Propose the number of functions, and the batch where the default would be too large."""
    labels = round((1 - _TEST_FRACTION) * (facts.pbc.total() + 3 * facts.atoms))
    functions = size.choose_functions(labels, len(elements))
    each = labels / (functions * len(elements))
    why = f"more would have fewer than {size.LABELS_PER_FUNCTION} of them for each function"
    if each < size.LABELS_PER_FUNCTION:
        why = f"that is {each:.1f} for each function, and {size.LABELS_PER_FUNCTION} are wanted"
    elif functions == size.SIZES[-1]:
        why = "the default; more are more accurate, and slower"
    yield Proposal(
        "b_basis_size",
        functions,
        f"functions per element, about {size.parameters_of(functions, len(elements)):,} parameters "
        f"in all, for {labels:,} energies and force components to train on: {why}",
    )
    near = RADII.index(cutoff) if cutoff in RADII else len(RADII) - 1
    pairs = [one.atoms * one.neighbours[near] for one in facts.samples]
    batch = size.choose_batch(statistics.fmean(pairs) if pairs else 1.0, functions)
    if batch < size.DEFAULT_BATCH and batch < facts.pbc.total():
        yield Proposal(
            "batch_size", batch, f"structures: of {size.DEFAULT_BATCH} a batch would take more "
            f"than {size.MOST_BATCH_BYTES / 1e9:.0f} GB of memory",
        )  # fmt: skip


def _references(facts: Facts, isolated: dict[str, list[float]], elements: list[str]) -> Proposal:
    """Propose where the energies of free atoms come from."""
    key = "reference_energies"
    missing = [element for element in elements if element not in isolated]
    if not missing and elements:
        differ = {e for e in elements if max(isolated[e]) - min(isolated[e]) > _SAME_ATOM}
        if not differ:
            return Proposal(key, "isolated_atoms", f"there is one of {', '.join(elements)}")
        return Proposal(
            key, {e: min(isolated[e]) for e in elements},
            f"eV; the lowest: isolated atoms of {', '.join(sorted(differ))} have different "
            "energies",
        )  # fmt: skip
    lack = f"there is no isolated atom of {', '.join(missing)}"
    if facts.compositions >= len(elements):
        return Proposal(
            key, "auto", f"{lack}: they are fitted "
            f"({_count(facts.compositions, 'independent composition')} for "
            f"{_count(len(elements), 'element')}), and are not those of free atoms",
        )  # fmt: skip
    return Proposal(
        key, "auto",
        f"{lack}, and {_count(facts.compositions, 'independent composition')} for "
        f"{_count(len(elements), 'element')} tell no more than a common shift: the potential is "
        f"for these compositions only. Better: {{{', '.join(f'{e}: …' for e in missing)}}} in eV",
    )  # fmt: skip


def _evaluator(facts: Facts) -> Iterator[Proposal]:
    mixed = sum(count for pbc, count in facts.pbc.items() if len(set(pbc)) > 1)
    if mixed:
        yield Proposal(
            "evaluator", "pyace", f"{_count(mixed, 'structure')} periodic in some directions only, "
            "which tensorpot cannot take",
        )  # fmt: skip
