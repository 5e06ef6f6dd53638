"""potentials diff: what two potentials were made of, and their errors on the same structures."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import ase.db
import pytest
from html_tags import Tags
from made_archive import make_potential
from paths import RECORDED

from hpctrain.cli.terminal.comparison import comparison
from hpctrain.errors import HpctrainError
from hpctrain.potentials.compare import data_differences, diff, differences
from hpctrain.process import Reply
from hpctrain.project import Project

ONE, TWO = "potential_gen_01", "potential_gen_02"
STRESS = {"rmse_energy_mev_per_atom": 23.7, "rmse_force_ev_per_a": 0.103, "structures": 9,
          "rmse_stress_mev_per_a3": 7.97}  # fmt: skip


class Trainer:
    """Answers as a Python that has the trainer, or that has not; keeps what it was asked."""

    def __init__(self, there: bool = True, code: int = 0) -> None:
        self.there, self.code = there, code
        self.request: dict[str, Any] = {}
        self.structures = 0

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        if "-c" in argv:
            return Reply(tuple(argv), 0 if self.there else 1, "", "ModuleNotFoundError")
        self.request = json.loads(Path(argv[-1]).read_text())
        self.structures = Path(self.request["structures"]).read_text().count("Lattice=")
        found = {name: {"rmse_energy_mev_per_atom": 1.0 + int(name), "rmse_force_ev_per_a": 0.1}
                 for name in self.request["potentials"]}  # fmt: skip
        return Reply(tuple(argv), self.code, f"loaded\n{json.dumps(found)}\n", "it broke")


def test_differences_by_dotted_key() -> None:
    a = {"x": {"y": 1, "z": [1]}, "same": 0, "gone": {"k": 1}}
    b = {"x": {"y": 2, "z": [1]}, "same": 0, "new": None, "late": 3}
    assert differences(a, b) == {"x.y": [1, 2], "gone": [{"k": 1}, None], "late": [None, 3]}


def rows(train: dict[str, str], test: dict[str, str], name: str = "p") -> dict[str, Any]:
    sides = {"train": train, "test": test}
    return {
        "name": name,
        "settings": {"data": {"source": "a.db"}},
        "dataset": {
            "fingerprint": name,
            **{side: {"structures": len(given)} for side, given in sides.items()},
            "rows": {
                **{side: list(given) for side, given in sides.items()},
                "marks": {side: "".join(f"{m:0>8}" for m in given.values())
                          for side, given in sides.items()},
            },
        },
    }  # fmt: skip


def test_rows_that_came_went_moved_and_changed() -> None:
    a = rows({"1": "a", "2": "b", "3": "c", "9": "i"}, {"4": "d", "5": "e"})
    b = rows({"1": "a", "5": "e", "9": "j"}, {"3": "c", "4": "d", "6": "f"}, "q")
    found = data_differences(a, b)
    assert {key: found[key] for key in ("added", "removed", "to_test", "to_train", "changed")} == {
        "added": ["6"], "removed": ["2"], "to_test": ["3"], "to_train": ["5"], "changed": ["9"],
    }  # fmt: skip
    assert found["structures"] == {"train": [4, 3], "test": [2, 3]}
    assert found["same"] is False
    assert data_differences(a, a)["same"] is True


def test_on_structures_that_neither_was_trained_on(project: Project) -> None:
    """12 rows, then 20; the rows that one has seen in training are left out."""
    one = make_potential(project, ONE, data={"test_fraction": 0.4})
    two = make_potential(project, TWO, data={"select": "id>1,id<22", "test_fraction": 0.4,
                                             "seed": 7})  # fmt: skip
    trained = {row for card in (one, two) for row in card["dataset"]["rows"]["train"]}
    tested = [set(card["dataset"]["rows"]["test"]) for card in (one, two)]
    unseen = (tested[0] | tested[1]) - trained
    assert 0 < len(unseen) < len(tested[0] | tested[1])
    trainer = Trainer()
    found = diff(project, ONE, TWO, program=trainer)["common"]
    assert trainer.structures == found["structures"] == len(unseen)
    assert found["set"].startswith(
        f"structures tested on by either, and trained on by neither: {len(unseen)}, "
        f"{len(unseen & tested[0] & tested[1])} of them tested on by both"
    )
    assert [one["rmse_energy_mev_per_atom"] for one in found["errors"]] == [1.0, 2.0]
    assert found["why"] is None
    first = trainer.request["potentials"]["0"]
    assert first["potential"] == str(project.potentials / f"{ONE}.yace")
    assert first["reference_energies"] == {"Al": -0.2994}


def test_from_the_source_where_the_runs_are_gone(project: Project) -> None:
    make_potential(project, ONE, keep_run=False)
    make_potential(project, TWO, keep_run=False)
    trainer = Trainer()
    assert diff(project, ONE, TWO, program=trainer)["common"]["errors"] is not None
    assert trainer.structures == 1
    with ase.db.connect(project.folder / "al_pbe.db") as database:
        del database[5]
    found = diff(project, ONE, TWO, program=trainer)["common"]
    assert found["errors"] is None
    assert "gone, or not selected: 1 (row 5)" in found["why"]


@pytest.mark.parametrize(
    ("trainer", "why"),
    [(Trainer(there=False), "the trainer is not on this machine"),
     (Trainer(code=1), "could not evaluate them: it broke")],
)  # fmt: skip
def test_why_there_are_no_errors(project: Project, trainer: Trainer, why: str) -> None:
    make_potential(project, ONE)
    make_potential(project, TWO)
    found = diff(project, ONE, TWO, program=trainer)["common"]
    assert found["errors"] is None
    assert why in found["why"]
    assert found["structures"] == 1


def test_no_structure_is_common(project: Project) -> None:
    """Of the same rows each is tested on one that the other was trained on."""
    one = make_potential(project, ONE, data={"seed": 1})
    for seed in range(2, 9):
        two = make_potential(project, f"potential_gen_{seed:02d}", data={"seed": seed})
        if two["dataset"]["rows"]["test"] != one["dataset"]["rows"]["test"]:
            break
    trainer = Trainer()
    found = diff(project, ONE, two["name"], program=trainer)["common"]
    assert found["errors"] is None
    assert found["why"] == "there is no structure that neither was trained on"
    assert trainer.request == {}


def test_the_rest_of_the_comparison(project: Project) -> None:
    make_potential(project, ONE)
    make_potential(project, TWO, shift=0.1, versions={"hpctrain": "0.2", "python-ace": "0.4.0rc1"})
    found = diff(project, ONE, "potential_gen_02", program=Trainer())
    assert found["names"] == [ONE, TWO]
    assert found["settings"] == {}
    assert found["versions"] == {"hpctrain": ["0.1", "0.2"]}
    assert found["reference_energies"] == {"shift": [0.0, 0.1]}
    assert found["data"]["same"] is True
    assert found["errors"]["test"][0]["rmse_energy_mev_per_atom"] == 6.0


def test_two_trainers_on_one_page(project: Project, tmp_path: Path) -> None:
    """Each is asked in its own words; settings of one trainer are told apart; a page is written."""
    make_potential(project, ONE, data={"test_fraction": 0.4})
    training = json.loads((RECORDED / "grace" / "card.json").read_text())["settings"]["training"]
    two = make_potential(project, TWO, data={"test_fraction": 0.4})
    (project.potentials / f"{TWO}.json").unlink()
    two |= {"engine": "grace", "main": "yaml", "basis": {"parameters": 3432}}
    two["settings"]["training"], two["metrics"]["test"] = training, STRESS
    (project.potentials / f"{TWO}.json").write_text(json.dumps(two))
    html, trainer = tmp_path / "compared.html", Trainer()
    found = diff(project, ONE, TWO, html=html, program=trainer)
    assert found["common"]["errors"] is not None
    assert [one["trainer"] for one in found["potentials"]] == ["Pacemaker", "GRACE"]
    assert found["potentials"][1]["parameters"] == 3432
    assert found["only"][0] == {"training.b_basis_size": 20}
    assert found["only"][1]["training.stress_weight"] == 128.0
    assert "training.max_iter" not in found["only"][1]
    for width in (60, 80):
        text = comparison(found, width)
        assert max(map(len, text.splitlines())) <= width
        assert "B 23.7 / 0.103 / 1.28" in text
    assert "GRACE (B) has: training.patience 200" in comparison(found)
    seen = Tags()
    seen.feed(html.read_text())
    assert seen.open == []
    with pytest.raises(HpctrainError, match="in the archive"):
        diff(project, ONE, TWO, html=project.potentials / "x.html", program=trainer)
