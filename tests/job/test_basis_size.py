"""b_basis_size: auto: what is tried, what is chosen, and that a run keeps it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from ase import Atoms
from paths import CHECKOUT

from hpctrain.engines.pacemaker.faults import SHAPE
from hpctrain.engines.pacemaker.input import with_size
from hpctrain.engines.pacemaker.settings import PacemakerTraining
from hpctrain.job.pacemaker import engine
from hpctrain.job.pacemaker.inside import basis_size
from hpctrain.job.pacemaker.inside.basis_size import choose, main, sizes_to_try


def tried(*errors: tuple[int, float, float]) -> list[dict[str, float]]:
    return [{"functions": size, "rmse_energy_ev_per_atom": energy, "rmse_force_ev_per_a": force}
            for size, energy, force in errors]  # fmt: skip


def test_what_is_tried() -> None:
    assert sizes_to_try(100, 1) == [20, 30, 45, 70, 100]
    assert sizes_to_try(110, 1)[-2:] == [100, 110]
    assert sizes_to_try(700, 6) == [
        45,
        70,
        100,
        150,
        220,
        320,
        416,
    ]  # each set of elements has a block, and each a function
    assert sizes_to_try(10, 1) == [10]


def test_what_is_chosen() -> None:
    """The best, or the smallest that is nearly as good; neither error hides the other."""
    assert choose(tried((20, 0.02, 0.2), (70, 0.01, 0.1), (300, 0.02, 0.3))) == 70
    assert choose(tried((70, 0.0101, 0.101), (300, 0.01, 0.1))) == 70
    assert choose(tried((70, 0.002, 0.2), (300, 0.001, 0.3))) == 300
    assert choose(tried((70, 1e-6, 1e-5), (300, 1e-7, 1e-6))) == 70  # that small they are alike


# --- of made rows: what is linear in some functions, and noise ---


def parts(rows: Any, *, noise: float, structures: int = 40, odd: float = 0.0) -> Any:
    """Labels that the first five functions explain, up to noise; one may be odd."""
    random = np.random.RandomState(7)
    sizes = [2 + number % 2 for number in range(structures)]
    atoms = [Atoms("Cu" * size, positions=random.rand(size, 3)) for size in sizes]
    truth = np.where(np.arange(60) < 5, 1.0, 0.0)
    energies, forces = rows(atoms)
    forces = forces @ truth + noise * random.standard_normal(len(forces))
    labels = energies @ truth + noise * random.standard_normal(structures)
    labels[0] += odd
    split = np.split(forces.reshape(-1, 3), np.cumsum(sizes)[:-1])
    data = {"ase_atoms": atoms, "energy_corrected": labels * sizes, "forces": split}
    made = basis_size._Parts(data, np.arange(structures) % 5, 0.5)
    made.collect(rows, 1, 60)
    return made


def made_rows(structures: Any) -> tuple[Any, Any]:
    """Rows that depend on a structure alone, whatever is taken together with it."""
    energies, forces = [], []
    for atoms in structures:
        random = np.random.RandomState(round(1e6 * atoms.positions[0, 0]))
        energies.append(random.standard_normal(60))
        forces.append(random.standard_normal((3 * len(atoms), 60)))
    return np.array(energies), np.concatenate(forces)


def test_as_many_functions_as_the_labels_say() -> None:
    found = parts(made_rows, noise=0.1)
    errors = {size: found.errors(np.arange(size)) for size in (2, 5, 20, 60)}
    assert errors[5] == (pytest.approx(0.1, rel=0.35), pytest.approx(0.1, rel=0.25))
    assert errors[2][1] > 5 * errors[5][1]
    assert errors[60][1] > 1.1 * errors[5][1]
    assert choose(tried(*((size, *both) for size, both in errors.items()))) == 5


def test_one_structure_does_not_decide_alone() -> None:
    errors = parts(made_rows, noise=0.1).errors(np.arange(5))
    odd = parts(made_rows, noise=0.1, odd=50.0).errors(np.arange(5))
    assert odd[0] < 10 * errors[0]


# --- a run keeps what was chosen ---


def run_with(tmp_path: Path, chosen: int | None) -> Path:
    (tmp_path / "job").mkdir()
    given = {"potential": {"functions": {"number_of_functions_per_element": 480, **SHAPE}},
             "fit": {"optimizer": "L-BFGS-B", "options": {"gtol": 1e-8}}}  # fmt: skip
    (tmp_path / "job" / "input.json").write_text(json.dumps(given))
    (tmp_path / "input.yaml").write_text("written: at the submission\n")
    for number in (1, 2):
        (tmp_path / "attempts" / f"{number:02d}").mkdir(parents=True)
    if chosen:
        said = json.dumps({"chosen": chosen, "cap": 480, "tried": [], "optimizer": "BFGS"})
        (tmp_path / "attempts" / "01" / "basis_size.json").write_text(said)
    return tmp_path


AUTO = {"choose_basis_size": True, "bfgs_up_to": 0}


def test_a_later_attempt_has_the_same_number(tmp_path: Path) -> None:
    run = run_with(tmp_path, 70)
    folder = run / "attempts" / "02"
    engine.begin(run, folder, 2, AUTO)
    given = json.loads((folder / "input.yaml").read_text())
    assert given["potential"]["functions"]["number_of_functions_per_element"] == 70
    assert given["fit"] == {"optimizer": "BFGS"}
    assert engine.chosen(run, AUTO)["basis_size"]["chosen"] == 70


def test_as_long_as_nothing_was_chosen(tmp_path: Path) -> None:
    run = run_with(tmp_path, None)
    folder = run / "attempts" / "02"
    engine.begin(run, folder, 2, AUTO)
    assert (folder / "input.yaml").read_text() == "written: at the submission\n"
    assert engine.chosen(run, AUTO) == {"basis_size": {}}


def test_the_card_has_the_number() -> None:
    given = {"potential": {"functions": {"number_of_functions_per_element": 480, **SHAPE}},
             "fit": {"optimizer": "L-BFGS-B", "options": {"gtol": 1e-8}, "maxiter": 9}}  # fmt: skip
    kept = with_size(given, {"chosen": 70, "cap": 480})
    assert kept["potential"]["functions"] == {"number_of_functions_per_element": 70, **SHAPE}
    assert given["potential"]["functions"]["number_of_functions_per_element"] == 480
    assert kept["fit"] == given["fit"]
    kept = with_size(given, {"chosen": 70, "cap": 480, "optimizer": "BFGS"})
    assert kept["fit"] == {"optimizer": "BFGS", "maxiter": 9}
    assert with_size(given, None) is given


def test_the_setting() -> None:
    assert PacemakerTraining.model_validate({"b_basis_size": "auto"}).b_basis_size == "auto"
    for wrong in ("automatic", 0, -3, True):
        with pytest.raises(ValueError, match="b_basis_size"):
            PacemakerTraining.model_validate({"b_basis_size": wrong})


# --- with the trainer's library ---


@pytest.mark.slow
@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_on_real_rows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    import ase.db
    import pandas as pd
    import yaml

    with ase.db.connect(str(CHECKOUT / "hpctrain/demo/al_pbe.db")) as database:
        rows = list(database.select("status=completed"))[:60]
    pd.DataFrame(
        {"ase_atoms": [row.toatoms() for row in rows], "energy": [row.energy for row in rows],
         "forces": [row.forces for row in rows]}
    ).to_pickle(tmp_path / "train.pckl.gzip", compression="gzip", protocol=4)  # fmt: skip
    given = {
        "cutoff": 6.0,
        "potential": {
            "deltaSplineBins": 0.001, "elements": ["Al"],
            "embeddings": {"ALL": {"npot": "FinnisSinclairShiftedScaled", "ndensity": 2,
                                   "fs_parameters": [1, 1, 1, 0.5]}},
            "bonds": {"ALL": {"radbase": "SBessel", "radparameters": [5.25], "rcut": 6.0,
                              "dcut": 0.01, "NameOfCutoffFunction": "cos"}},
            "functions": {"number_of_functions_per_element": 100, **SHAPE},
        },
        "data": {"reference_energy": {"Al": -0.3}},
        "fit": {"loss": {"kappa": 0.5}, "optimizer": "L-BFGS-B", "options": {"gtol": 1e-8}},
    }  # fmt: skip
    (tmp_path / "input.yaml").write_text(yaml.safe_dump(given))
    monkeypatch.chdir(tmp_path)
    assert main(10_000) == 0
    found = json.loads((tmp_path / "basis_size.json").read_text())
    assert [one["functions"] for one in found["tried"]] == [20, 30, 45, 70, 100]
    assert found["problem"] is None
    assert found["chosen"] == choose(found["tried"])
    chosen = yaml.safe_load((tmp_path / "input.yaml").read_text())["potential"]["functions"]
    assert chosen == {"number_of_functions_per_element": found["chosen"], **SHAPE}
    fit = yaml.safe_load((tmp_path / "input.yaml").read_text())["fit"]
    assert (found["optimizer"], fit["optimizer"], "options" in fit) == ("BFGS", "BFGS", False)
    said = capsys.readouterr().out
    assert "basis size: 45 functions per element: " in said
    assert f"basis size: {found['chosen']} functions per element, by 59 structures" in said
    # What cannot be compared is told, and trained.
    (tmp_path / "input.yaml").write_text(yaml.safe_dump({**given, "cutoff": -1.0}))
    monkeypatch.setattr(basis_size, "cross_validate", None)
    assert main(0) == 0
    found = json.loads((tmp_path / "basis_size.json").read_text())
    assert (found["chosen"], found["optimizer"]) == (100, None)
    assert "TypeError" in found["problem"]
