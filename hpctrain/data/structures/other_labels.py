"""Keys of a row that may be labels under other names, and which of them belong together."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache

_ENERGY = re.compile(
    r"(?:corrected_|uncorrected_)?(?:total_?|potential_?|internal_|free_|dft_total_)?"
    r"energ(?:y|ies)(?![a-z])|(?<![a-z])(?:e_?tot|e_?pot|toten|e)(?![a-z])",
    re.IGNORECASE,
)
_FORCES = re.compile(r"(?:atomic_)?forces?(?![a-z])|(?<![a-z])f(?![a-z])", re.IGNORECASE)
_STRESS = re.compile(r"stress(?:es)?(?![a-z])", re.IGNORECASE)
_VIRIAL = re.compile(r"virials?(?![a-z])", re.IGNORECASE)
# Energies of something else than the structure as a whole.
_NOT_ENERGY = re.compile(
    r"per_?atom|kinetic|fermi|_above_|hull|formation|ionic_?step", re.IGNORECASE
)


@dataclass(frozen=True)
class OtherLabels:
    """The names under which a row has what may be labels, and its other keys."""

    energy: tuple[str, ...] = ()
    forces: tuple[str, ...] = ()
    stress: tuple[str, ...] = ()
    virial: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()

    def names(self) -> tuple[str, ...]:
        """Return what may be labels, then all other keys."""
        return (*self.energy, *self.forces, *self.stress, *self.virial, *self.keys)

    def sets(self) -> Iterator[dict[str, str]]:
        """Yield every full set: an energy and forces named in the same way, with its stress."""
        for energy in self.energy:
            way = _affix(energy, _ENERGY)
            for forces in self.forces:
                if way is None or _affix(forces, _FORCES) != way:
                    continue
                found = {"energy": energy, "forces": forces}
                for label, names, pattern in (
                    ("stress", self.stress, _STRESS), ("virial", self.virial, _VIRIAL),
                ):  # fmt: skip
                    same = [name for name in names if _affix(name, pattern) == way]
                    if same and "stress" not in found:
                        found[label] = same[0]
                yield found


@lru_cache(maxsize=10_000)
def looks_like(name: str) -> str | None:
    """Say which label a name seems to be of: energy, forces, stress or virial."""
    if _affix(name, _FORCES) is not None:
        return "forces"
    if _affix(name, _STRESS) is not None:
        return "stress"
    if _affix(name, _VIRIAL) is not None:
        return "virial"
    if _affix(name, _ENERGY) is not None and not _NOT_ENERGY.search(name):
        return "energy"
    return None


@lru_cache(maxsize=1000)
def have_labels(names: tuple[str, ...]) -> bool:
    """Say whether any name seems to be of a label; most rows have the names of many others."""
    return any(map(looks_like, names))


def _affix(name: str, pattern: re.Pattern[str]) -> tuple[str, str] | None:
    """Return what stands before and after a label's usual name, in lower case."""
    found = pattern.search(name)
    if found is None:
        return None
    before, after = name[: found.start()], name[found.end() :]
    return before.strip("_-. ").lower(), after.strip("_-. ").lower()


def as_line(labels: dict[str, str]) -> str:
    """Return a set of labels as the line of hpctrain.yaml that takes it."""
    return f"labels: {{{', '.join(f'{label}: {name}' for label, name in labels.items())}}}"


def convention(labels: dict[str, str]) -> str | None:
    """Return how a set is named, as REF_* or *_dft; None where its names have nothing added."""
    before, after = _affix(labels["energy"], _ENERGY) or ("", "")
    if not (before or after):
        return None
    name = labels["forces"]
    found = _FORCES.search(name)
    assert found is not None
    return f"{name[: found.start()]}*{name[found.end() :]}"


def full_sets(rows: Iterable[OtherLabels]) -> list[dict[str, str]]:
    """Return the sets that rows have, each once."""
    found: dict[str, dict[str, str]] = {}
    for one in rows:
        for labels in one.sets():
            found.setdefault(as_line({k: labels[k] for k in ("energy", "forces")}), labels)
    return list(found.values())
