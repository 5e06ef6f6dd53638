"""Proposals for the section training: cutoff, size, reference energies. Pure."""

from __future__ import annotations

import math
import statistics
from collections.abc import Iterable

from hpctrain.engines import DEFAULT, engine_of
from hpctrain.engines.facts import LabelFacts
from hpctrain.fields import SAME_ATOM
from hpctrain.propose.look import RADII, Facts, Sample
from hpctrain.propose.proposal import TEST_FRACTION, Proposal, count

# Enough neighbours of an atom; four shells of fcc have 12 + 6 + 24 + 12 = 54, five of bcc 58.
ENOUGH = 50
FEW = 15  # within 8 Å: of molecules in boxes, and chains
LEAST, MOST = 5.0, 8.0  # Å
LARGEST_MOLECULE = 6.0  # Å; docs/training.md has errors of both by the cutoff


def propose_training(facts: Facts) -> list[Proposal]:
    """Propose the section training."""
    cutoff = choose_cutoff(facts.samples)
    isolated, elements = split_singles(facts, cutoff.value)
    engine = engine_of(DEFAULT)
    own = [
        Proposal(one.key, one.value, one.reason)
        for one in engine.propose(_label_facts(facts, len(elements), cutoff.value))
    ]
    return [cutoff, *own, _references(facts, isolated, elements)]


def choose_cutoff(samples: list[Sample]) -> Proposal:
    """Propose the cutoff: four shells of neighbours, or all of a molecule."""
    solid = [one for one in samples if not one.finite]
    finite = [one for one in samples if one.finite]
    if sum(one.atoms for one in solid) >= sum(one.atoms for one in finite) and solid:
        within = [_median([(s.neighbours[n], s.atoms) for s in solid]) for n in range(len(RADII))]
        enough = [r for r, seen in zip(RADII, within, strict=True) if seen >= ENOUGH]
        cutoff = max(enough[0] if enough else MOST if within[-1] > FEW else 6.0, LEAST)
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
    cutoff = min(max(math.ceil(2 * long) / 2, RADII[0]), LARGEST_MOLECULE)
    return Proposal(
        "cutoff", cutoff, f"Å; the largest distance in a molecule is {long:.1f} Å (median), and "
        "with a larger cutoff what is near is resolved less",
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


def _label_facts(facts: Facts, elements: int, cutoff: float) -> LabelFacts:
    near = RADII.index(cutoff) if cutoff in RADII else len(RADII) - 1
    pairs = [one.atoms * one.neighbours[near] for one in facts.samples]
    return LabelFacts(
        structures=facts.pbc.total(),
        labels=round((1 - TEST_FRACTION) * (facts.pbc.total() + 3 * facts.atoms)),
        pairs=statistics.fmean(pairs) if pairs else 1.0,
        elements=elements,
        mixed_pbc=sum(count for pbc, count in facts.pbc.items() if len(set(pbc)) > 1),
    )


def _references(facts: Facts, isolated: dict[str, list[float]], elements: list[str]) -> Proposal:
    """Propose where the energies of free atoms come from."""
    key = "reference_energies"
    missing = [element for element in elements if element not in isolated]
    if not missing and elements:
        differ = {e for e in elements if max(isolated[e]) - min(isolated[e]) > SAME_ATOM}
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
            f"({count(facts.compositions, 'independent composition')} for "
            f"{count(len(elements), 'element')}), and are not those of free atoms",
        )  # fmt: skip
    return Proposal(
        key, "auto",
        f"{lack}, and {count(facts.compositions, 'independent composition')} for "
        f"{count(len(elements), 'element')} tell no more than a common shift: the potential is "
        f"for these compositions only. Better: {{{', '.join(f'{e}: …' for e in missing)}}} in eV",
    )  # fmt: skip
