"""How many basis functions per element the data can bear: by cross-validation of the linear fit.

The same linear least squares that the training begins with (linear_start.py) is solved for
several numbers of functions, each time without a part of the structures, and the errors on that
part are compared. The smaller bases are within the largest, so that its rows are computed once.
Called as: python -m job.pacemaker.inside.basis_size N, in the attempt's folder, with ``input.yaml``
and ``train.pckl.gzip`` there; writes ``basis_size.json`` and the chosen number into ``input.yaml``.
Python 3.8 and later, in the trainer's environment.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Callable, Dict, List, Mapping, Sequence, Tuple

FILE = "basis_size.json"
CAP = "number_of_functions_per_element"
# Each about one and a half times the one before; the cap of the input is the last.
SIZES = (20, 30, 45, 70, 100, 150, 220, 320, 480, 700)
# Functions of all elements together, whose equations take some hundred megabytes.
MOST_FUNCTIONS = 2500
FOLDS = 5
# The smallest number of functions that is so near to the best: a larger one takes longer.
NEAR = 1.05
SEED = 1
# Where nothing could be compared: the default of the settings.
OTHERWISE = 300
# What the input has for more parameters than BFGS can do with.
OTHER = "L-BFGS-B"
# The share of the structures left out that may be off by any amount.
FAR = 0.05
# A sample is enough; its rows are kept in memory.
MAX_ATOMS = 5_000
# Below these (eV/atom, eV/Å) errors are alike.
FLOORS = (1e-4, 1e-3)

Say = Callable[[str], None]


def sizes_to_try(cap: int, elements: int) -> List[int]:
    """List numbers of functions per element up to the cap; each block needs one at least."""
    least = 2 ** (elements - 1)
    cap = min(cap, max(least, MOST_FUNCTIONS // elements))
    return sorted({size for size in SIZES if least <= size < cap} | {cap})


def choose(tried: Sequence[Mapping[str, float]]) -> int:
    """Return the number of functions that is best, or the smallest that is nearly as good."""
    scores = [score(one["rmse_energy_ev_per_atom"], one["rmse_force_ev_per_a"]) for one in tried]
    good = [one["functions"] for one, it in zip(tried, scores) if it <= NEAR * min(scores)]  # noqa: B905
    return int(min(good))


def score(energy: float, force: float) -> float:
    """Return the geometric mean of both errors, eV/atom and eV/Å: neither hides the other."""
    return float((max(energy, FLOORS[0]) * max(force, FLOORS[1])) ** 0.5)


def cross_validate(
    make: Callable[[int], Any], sizes: Sequence[int], data: Any, kappa: float, cutoff: float,
    say: Say, folds: Any = None,
) -> List[Dict[str, float]]:  # fmt: skip
    """Return the errors of each number of functions on structures that were left out.

    ``make`` returns the potential with so many functions per element; ``data`` is a table as the
    trainer holds it (ase_atoms, energy_corrected, forces). ``folds`` [n] is in which part each
    structure is left out; those of a negative one are always left out, and are reported instead.
    """
    import numpy as np
    from pyace.basis import ACEBBasisSet

    bases = {size: ACEBBasisSet(make(size)) for size in sizes}
    largest = bases[max(sizes)]
    names = {name: column for column, name in enumerate(_names(largest))}
    structures = list(data["ase_atoms"])
    if folds is None:
        folds = np.random.RandomState(SEED).permutation(len(structures)) % FOLDS
    parts = _Parts(data, np.asarray(folds), kappa)
    parts.collect(*_rows(largest, cutoff, structures, say), len(names))
    found = []
    for size in sizes:
        columns = np.array([names[name] for name in _names(bases[size])])
        energy, force = parts.errors(columns)
        found.append({"functions": size, "rmse_energy_ev_per_atom": energy,
                      "rmse_force_ev_per_a": force})  # fmt: skip
        say(f"basis size: {size} functions per element: {1000 * energy:.3g} meV/atom, "
            f"{1000 * force:.3g} meV/Å on structures left out")  # fmt: skip
    return found


def _rows(basis: Any, cutoff: float, structures: Sequence[Any], say: Say) -> Tuple[Any, int]:
    """Return the quick rows if they agree with pyace's, else pyace's; and for how many threads."""
    from .linear_rows import PyaceRows, threads
    from .linear_start import quick_rows

    slow = PyaceRows(basis, cutoff)
    try:
        return quick_rows(basis, slow, cutoff, structures), threads()
    except Exception as error:  # noqa: BLE001 whatever it is, there is the other way
        say(f"basis size: no quick equations ({type(error).__name__}: {error}); pyace's, slowly")
        return slow, 1


def _names(basis: Any) -> List[Any]:
    """List what makes each function, in the order of the rows' columns."""
    return [
        (one.mu0, tuple(one.mus), tuple(one.ns), tuple(one.ls), tuple(one.LS))
        for of_element in zip(basis.basis_rank1, basis.basis)  # noqa: B905 (Python 3.8)
        for functions in of_element for one in functions
    ]  # fmt: skip


class _Parts:
    """The rows of all structures, and the equations of each part of them."""

    def __init__(self, data: Any, folds: Any, kappa: float) -> None:
        import numpy as np

        self.folds, self.kappa = folds, kappa
        self.structures = list(data["ase_atoms"])
        self.sizes = np.array([len(atoms) for atoms in self.structures])
        self.labels = np.array(data["energy_corrected"], dtype=float) / self.sizes
        self.forces = np.concatenate([np.reshape(one, -1) for one in data["forces"]])
        self.atoms_folds = np.repeat(folds, 3 * self.sizes)
        # As in the trainer's loss: each structure counts as much, whatever its size.
        self.weights = np.repeat(1.0 / self.sizes, 3 * self.sizes)

    def collect(self, rows: Any, workers: int, functions: int) -> None:
        """Compute the rows of all structures; those of forces in single precision, as many."""
        import numpy as np

        from .linear_rows import in_rounds

        self.energy_rows = np.zeros((len(self.structures), functions))
        self.force_rows = np.zeros((len(self.forces), functions), dtype=np.float32)
        done = begin = 0
        for count, energies, forces in in_rounds(rows, self.structures, functions, workers):
            self.energy_rows[done : done + count] = energies
            self.force_rows[begin : begin + len(forces)] = forces
            done, begin = done + count, begin + len(forces)
        self.equations = {fold: self._equations(fold) for fold in set(self.folds.tolist())}

    def _equations(self, fold: int) -> Tuple[Any, Any]:
        energies, forces = self.folds == fold, self.atoms_folds == fold
        rows, weights = self.force_rows[forces].astype(float), self.weights[forces]
        scaled = rows * weights[:, None]
        matrix = self.kappa * (rows.T @ scaled)
        right = self.kappa * (scaled.T @ self.forces[forces])
        rows = self.energy_rows[energies]
        matrix += (1 - self.kappa) * (rows.T @ rows)
        right += (1 - self.kappa) * (rows.T @ self.labels[energies])
        return matrix, right

    def errors(self, columns: Any) -> Tuple[float, float]:
        """Return the RMSEs of energies and forces with these functions, on what was left out.

        Without the structures that are farthest off: one of a structure search that the others
        say nothing of would decide alone.
        """
        import numpy as np

        squares: List[Any] = []
        left_out = [fold for fold in self.equations if fold < 0] or sorted(self.equations)
        for fold in left_out:
            unknowns = self._solve([one for one in self.equations if one != fold and one >= 0],
                                   columns)  # fmt: skip
            energies, forces = self.folds == fold, self.atoms_folds == fold
            off = self.force_rows[forces][:, columns] @ unknowns - self.forces[forces]
            begins = np.cumsum(3 * self.sizes[energies]) - 3 * self.sizes[energies]
            squares.append([
                (self.energy_rows[energies][:, columns] @ unknowns - self.labels[energies]) ** 2,
                np.add.reduceat(off**2, begins) / (3 * self.sizes[energies]),
            ])  # fmt: skip
        share = 0.0 if min(self.equations) < 0 else FAR
        energy, force = (
            _without_largest(np.concatenate([one[place] for one in squares]), share)
            for place in range(2)
        )
        return energy, force

    def _solve(self, inside: Sequence[int], columns: Any) -> Any:
        import numpy as np

        from .linear_start import RIDGE

        place, count = np.ix_(columns, columns), np.isin(self.folds, list(inside)).sum()
        matrix = sum(self.equations[fold][0][place] for fold in inside) / count
        right = sum(self.equations[fold][1][columns] for fold in inside) / count
        return np.linalg.solve(matrix + RIDGE * np.eye(len(columns)), right)


def _without_largest(squares: Any, share: float) -> float:
    """Return the root of the mean of some squares, without a share of them, the largest."""
    import numpy as np

    kept = np.sort(squares)[: len(squares) - int(share * len(squares))]
    return float(np.sqrt(np.mean(kept)))


def read_data(file: str, references: Any) -> Any:
    """Read the converted training structures, without free atoms, as the trainer would hold them.

    ``references`` are eV by element, or ``auto``: then those of least squares.
    """
    import numpy as np
    import pandas

    table = pandas.read_pickle(file, compression="gzip")
    real = [len(atoms) > 1 or bool(any(atoms.pbc)) for atoms in table["ase_atoms"]]
    table = table[real].reset_index(drop=True)
    elements = sorted({one for atoms in table["ase_atoms"] for one in atoms.get_chemical_symbols()})
    counts = np.array([[atoms.get_chemical_symbols().count(one) for one in elements]
                       for atoms in table["ase_atoms"]], dtype=float)  # fmt: skip
    energies = np.array(table["energy"], dtype=float)
    if isinstance(references, Mapping):
        free = np.array([float(references[one]) for one in elements])
    else:
        sizes = counts.sum(axis=1)
        free = np.linalg.lstsq(counts / sizes[:, None], energies / sizes, rcond=None)[0]
    return table.assign(energy_corrected=energies - counts @ free)


def _parameters(make: Callable[[int], Any], size: int) -> float:
    """Count the parameters of a potential; infinitely many where it cannot be made."""
    try:
        from pyace.basis import ACEBBasisSet

        return len(ACEBBasisSet(make(size)).all_coeffs)
    except Exception:  # noqa: BLE001 why was told already
        return float("inf")


def main(bfgs_up_to: int = 0) -> int:
    """Choose the number of functions for the input in this folder.

    ``bfgs_up_to``: the parameters up to which BFGS is better; 0 where the settings name one.
    """
    import yaml

    def say(text: str) -> None:
        print(text, flush=True)

    with open("input.yaml", encoding="utf-8") as file:
        content = yaml.safe_load(file)
    potential, kappa = content["potential"], content["fit"]["loss"]["kappa"]
    cap, elements = int(potential["functions"][CAP]), list(potential["elements"])

    def make(size: int) -> Any:
        from pyace import create_multispecies_basis_config

        functions = {**potential["functions"], CAP: size}
        return create_multispecies_basis_config({**potential, "functions": functions})

    tried: List[Dict[str, float]] = []
    problem, count = None, 0
    try:
        data = read_data("train.pckl.gzip", content["data"]["reference_energy"])
        atoms = int(sum(map(len, data["ase_atoms"])))
        data = data.iloc[:: -(-atoms // MAX_ATOMS)].reset_index(drop=True)
        count = len(data)
        kappa = 0.5 if kappa == "auto" else float(kappa)
        sizes = sizes_to_try(cap, len(elements))
        tried = cross_validate(make, sizes, data, kappa, float(content["cutoff"]), say)
        chosen = choose(tried)
        say(f"basis size: {chosen} functions per element, by {count} structures")
    except Exception as error:  # noqa: BLE001 whatever it is, a training is possible
        chosen, problem = min(OTHERWISE, cap), f"{type(error).__name__}: {error}"
        say(f"basis size: {chosen} functions per element; nothing could be compared ({problem})")
    potential["functions"][CAP] = chosen
    optimizer = None
    if content["fit"].get("optimizer") == OTHER and _parameters(make, chosen) <= bfgs_up_to:
        # What was chosen for the cap of the input: the smaller basis has a better one.
        optimizer = content["fit"]["optimizer"] = "BFGS"
        content["fit"].pop("options", None)
    with open(FILE, "w", encoding="utf-8") as file:
        json.dump({"schema": "hpctrain.basis_size/1", "chosen": chosen, "cap": cap,
                   "structures": count, "tried": tried, "problem": problem,
                   "optimizer": optimizer}, file)  # fmt: skip
    with open("input.yaml", "w", encoding="utf-8") as file:
        yaml.safe_dump(content, file, sort_keys=False, default_flow_style=None)
    return 0


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1])))
