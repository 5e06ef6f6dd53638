"""The sketch of a third trainer in docs/adding-a-trainer.md fits the Protocols, and reads its rows.

The sketch's code is taken from the page, and imported as it would be in its two folders. The rows
are written after MACE's source (mace/tools/train.py and utils.py, 0.3.15), and not recorded.
"""

from __future__ import annotations

import importlib
import inspect
import json
import math
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import yaml
from paths import DOCS

import hpctrain.engines
import hpctrain.job
from hpctrain.engines.base import Engine
from hpctrain.engines.curves import TrainingMetrics
from hpctrain.engines.facts import DataFacts, Parent
from hpctrain.errors import HpctrainError
from hpctrain.job.checks.loader import Loader
from hpctrain.job.trainer import Start, Trainer
from hpctrain.render import render

PAGE = DOCS / "adding-a-trainer.md"
BLOCKS = re.compile(r"^### `hpctrain/(\S+\.py)`\n(.*?)^```python\n(.*?)^```$", re.DOTALL | re.M)
ERRORS = {"mae_e": 1.0, "rmse_e": 1.2, "mae_f": 0.2, "rel_mae_f": 9.0, "q95_f": 0.9}


def load(name: str) -> Any:
    return importlib.import_module(f"hpctrain.{name}")


@pytest.fixture(scope="module")
def mace(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The sketch in two folders that hpctrain's packages look into."""
    root = tmp_path_factory.mktemp("sketch")
    for name, _, code in BLOCKS.findall(PAGE.read_text()):
        compile(code, name, "exec")
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        (file.parent / "__init__.py").touch()
        file.write_text(code)
    paths = {hpctrain.engines: root / "engines", hpctrain.job: root / "job"}
    for package, path in paths.items():
        package.__path__.append(str(path))
    yield root
    for package, path in paths.items():
        package.__path__.remove(str(path))
    for name in [name for name in sys.modules if ".mace" in name]:
        del sys.modules[name]


def test_every_file_is_there(mace: Path) -> None:
    found = {str(file.relative_to(mace)) for file in mace.rglob("*.py")}
    files = {"engines/mace/engine.py", "engines/mace/settings.py", "engines/mace/tables.py",
             "job/mace/engine.py", "job/mace/potential.py", "job/mace/inside/fit.py"}  # fmt: skip
    assert files <= found
    for file in mace.rglob("job/**/*.py"):
        compile(file.read_text(), str(file), "exec", dont_inherit=True)
        assert file.read_text().count("import ase") == file.read_text().count("    import ase")


def members(protocol: type) -> dict[str, Any]:
    return {name: one for name, one in vars(protocol).items() if not name.startswith("_")}


def parameters(function: Any, skip: int) -> list[str]:
    return [str(one.name) for one in inspect.signature(function).parameters.values()][skip:]


@pytest.mark.parametrize(
    ("protocol", "name"),
    [(Engine, "engines.mace.engine"), (Trainer, "job.mace.engine"),
     (Loader, "job.mace.potential")],
)  # fmt: skip
def test_the_sketch_answers_all_that_a_protocol_asks(mace: Path, protocol: type, name: str) -> None:
    module: ModuleType = load(name)
    own = module.MaceEngine if protocol is Engine else module
    asked = members(protocol)
    assert len(asked) > 4
    for member, one in asked.items():
        assert hasattr(own, member), member
        if inspect.isfunction(one):
            given = parameters(getattr(own, member), 1 if protocol is Engine else 0)
            assert given == parameters(one, 1), member


def test_the_settings_become_an_input_that_can_be_rendered(mace: Path, tmp_path: Path) -> None:
    engine, settings = load("engines.mace.engine").MaceEngine(), load("engines.mace.settings")
    facts = DataFacts(("Al", "Cu"), {"Al": [-0.3], "Cu": [-0.2]})
    training = settings.MaceTraining(max_iter=7, overrides={"clip_grad": 5})
    given = engine.input(training, "torch", facts, None)
    assert given.mapping["E0s"] == "{13: -0.3, 29: -0.2}"
    assert (given.mapping["max_num_epochs"], given.mapping["clip_grad"]) == (7, 5)
    template = re.search(r"input.yaml.j2`.*?```\n(.*?)```", PAGE.read_text(), re.DOTALL)
    assert template
    (tmp_path / "mace").mkdir()
    (tmp_path / given.template).write_text(template[1])
    values = {"version": "1", "run_id": "x", **given.values}
    made = render(given.template, values, (tmp_path,))
    assert yaml.safe_load(made) == given.mapping
    for wrong in ({"train_file": "other.xyz"}, {"atomic_numbers": "[13]"}, {"swa": True}):
        with pytest.raises(HpctrainError, match=next(iter(wrong))):
            engine.input(settings.MaceTraining(overrides=wrong), "torch", facts, None)
    with pytest.raises(HpctrainError, match="not written yet"):
        engine.input(training, "torch", facts, Parent("potential_gen_01", None))


def line(mode: str, epoch: int | None, loss: float, **more: Any) -> str:
    """Return a row, with the keys that MACE 0.3.15 writes, in its order."""
    if mode == "opt":
        return json.dumps({"loss": loss, "time": 0.5, "mode": mode, "epoch": epoch}) + "\n"
    row = {"loss": loss, **ERRORS, "rmse_e_per_atom": loss / 10, "rmse_f": loss / 5, "time": 0.25,
           "mode": mode, "epoch": epoch, "head": "Default", **more}  # fmt: skip
    return json.dumps(row) + "\n"


def test_rows_become_curves(mace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two starts, as MACE would write them; the second begins with the epoch it goes on from."""
    monkeypatch.chdir(tmp_path)
    fit, engine = load("job.mace.inside.fit"), load("engines.mace.engine").MaceEngine()
    losses = {0: (4.0, 2.0, 3.0), 1: (2.0, 1.0, 1.0), 2: (1.0, 0.6, 2.0)}
    rows = [line("eval", None, 9.0)]
    for epoch, (first, second, test) in losses.items():
        rows += [line("opt", epoch, first), line("opt", epoch, second), line("eval", epoch, test)]
    for row in rows:
        fit.keep(json.loads(row))
    growing = engine.growing_files({})
    texts = {name: Path(name).read_text() for name in growing.paths}
    read: dict[str, Any] = {}
    for name, text in texts.items():
        reader = read[name] = growing.reader_of(name)()
        reader.feed(text + '{"loss": 1.0, "ti')
    train, test = engine.curves(read)
    assert [(point.epoch, point.loss, point.key) for point in train] == [
        (1, 3.0, (1,)), (2, 1.5, (2,)), (3, 0.8, (3,)),
    ]  # fmt: skip
    assert all(math.isnan(point.rmse_energy) for point in train)
    assert test[1] == TrainingMetrics(2, 100.0, 0.2, 1.0, (2,))
    states = {}
    for name, text in texts.items():
        torn = growing.reader_of(name)()
        if name == growing.train:
            torn.look_for((2,))  # type: ignore[attr-defined]
        for at in range(0, len(text), 7):
            torn.feed(text[at : at + 7])
            torn = growing.reader_of(name).from_state(json.loads(json.dumps(torn.state())))
        states[name] = torn.state()
    stand = engine.stand(states)
    assert stand.test == test[-1]
    assert (stand.best, stand.pace) == (test[1], 1.25)
    assert stand.at_best is not None
    assert stand.at_best.key == (2,)
    assert engine.stand({}).train is None


def test_an_attempt_is_stopped_and_the_next_goes_on(
    mace: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fit, engine = load("job.mace.inside.fit"), load("job.mace.engine")
    first, second = tmp_path / "attempts" / "01", tmp_path / "attempts" / "02"
    for folder in (first / "checkpoints", second):
        folder.mkdir(parents=True)
    (tmp_path / "input.yaml").write_text("seed: 1")
    assert engine.begin(tmp_path, first, 1, {}) == Start()
    monkeypatch.chdir(first)
    for epoch, loss in enumerate((1.0, 2.0)):
        fit.keep(json.loads(line("eval", epoch, loss)))
        (first / "checkpoints" / f"mace_run-1_epoch-{epoch}.pt").write_text("x")
    assert not engine.stopped(first)
    engine.ask_to_stop(first, 0)
    with pytest.raises(SystemExit) as end:
        fit.stop_if_asked({"mode": "opt", "epoch": 2})
    assert (end.value.code, engine.stopped(first), engine.iterations(first)) == (0, True, 2)
    assert "mace.model" in str(engine.problem(first))
    start = engine.begin(tmp_path, second, 2, {})
    assert (start.arguments, start.facts["from"]["iterations"]) == (("--restart_latest",), 1)
    assert len(engine.checkpoints(second)) == 2, "that of the best too"
    monkeypatch.chdir(second)
    for epoch, loss in ((1, 1.9), (2, 1.5)):
        fit.keep(json.loads(line("eval", epoch, loss)))
    (second / "mace.model").write_text("x")
    assert engine.problem(second) is None
    best = engine.notes(second)["best"]
    assert (best["iteration"], best["of"]) == (1, 3)
    assert best["best"]["rmse_energy_mev_per_atom"] == pytest.approx(100.0)
    assert engine.training(tmp_path, start, {}).phase == "train"
    assert [step.needed for step in engine.after(tmp_path, {})] == [True, True]
