"""What the trainer is told in the next attempt, and which checkpoint it is given."""

from __future__ import annotations

import copy
import itertools
import json
from pathlib import Path
from typing import Any

import pytest

from hpctrain.job.pacemaker.plan import (
    Plan,
    apply_changes,
    newest_checkpoint,
    newest_of_run,
    plan_continuation,
    prepare,
    read_state,
)

P = ("-p", "resume/potential.yaml")
IP = ("-ip", "resume/potential.yaml")


def given(**fit: Any) -> dict[str, Any]:
    return {
        "potential": {"elements": ["Al"]},
        "fit": {"maxiter": 100, "optimizer": "BFGS", **fit},
        "backend": {"evaluator": "tensorpot"},
    }


def state(**news: Any) -> dict[str, Any]:
    return {
        "iteration": 40,
        "cycle": 0,
        "ladder_step": 0,
        "ladder": False,
        "functions": 20,
        "target_functions": None,
        "ended": None,
        **news,
    }


def climbing(**news: Any) -> dict[str, Any]:
    return state(**{"ladder": True, "ladder_step": 1, "target_functions": 60, **news})


def test_a_plain_fit_gets_what_remains_of_the_total() -> None:
    found = plan_continuation(given(), state())
    assert found == Plan(P, {"fit.maxiter": 60}, {}, 60)
    assert apply_changes(given(), found.input_changes)["fit"]["maxiter"] == 60


@pytest.mark.parametrize(
    ("ended", "iteration", "remaining"),
    [
        (None, 100, 0),
        (None, 103, 0),  # max_iter was lowered since
        (1, 100, 0),
        (1, 70, 30),  # max_iter was raised since
        (0, 70, 0),  # converged
        (2, 70, 0),  # precision loss
        (99, 70, 0),  # Pacemaker's own early stopping
    ],
)
def test_what_has_ended_is_not_begun_again(
    ended: int | None, iteration: int, remaining: int
) -> None:
    found = plan_continuation(given(), state(ended=ended, iteration=iteration))
    assert (found.arguments, found.input_changes) == (P, {"fit.maxiter": remaining})
    assert found.remaining == remaining
    assert found.finished is (remaining == 0)


def test_only_the_cycle_in_progress_gets_less() -> None:
    found = plan_continuation(given(fit_cycles=3), state(cycle=1))
    assert found == Plan(P, {}, {"first_maxiter": 60}, 60)
    last = plan_continuation(given(fit_cycles=3), state(cycle=2))
    assert last == Plan(P, {"fit.maxiter": 60}, {}, 60)


def test_a_cycle_the_input_does_not_have() -> None:
    assert "fit cycle 4, the input has 3" in str(
        plan_continuation(given(fit_cycles=3), state(cycle=3)).reason
    )


def test_a_ladder_step_in_progress_keeps_its_basis_and_gets_what_remains() -> None:
    found = plan_continuation(given(ladder_step=20), climbing())
    assert found == Plan(IP, {}, {"keep_first_basis": True, "first_maxiter": 60}, 60)


def test_a_ladder_step_that_ended_is_followed_by_the_next() -> None:
    found = plan_continuation(given(ladder_step=20), climbing(iteration=100, ended=1))
    assert found.arguments == IP
    assert found.resume == {"keep_first_basis": True, "first_maxiter": 0}


def test_the_full_basis_of_a_ladder_goes_on_as_a_plain_fit() -> None:
    source = given(ladder_step=[10, 0.1], ladder_type="power_order")
    found = plan_continuation(source, climbing(functions=60))
    assert found.arguments == P
    fit = apply_changes(source, found.input_changes)["fit"]
    assert fit == {"maxiter": 60, "optimizer": "BFGS"}


def test_no_trap_in_any_combination() -> None:
    for cycle, functions, ended, iteration, ladder in itertools.product(
        [0, 1, 2], [20, 60], [None, 0, 1], [0, 40, 100], [False, True]
    ):
        source = given(fit_cycles=3, **({"ladder_step": 20} if ladder else {}))
        before = copy.deepcopy(source)
        news: dict[str, Any] = {"target_functions": 60 if ladder else None, "ladder": ladder}
        found = plan_continuation(
            source,
            state(cycle=cycle, functions=functions, ended=ended, iteration=iteration, **news),
        )
        assert found.reason is None
        flag, potential = found.arguments
        fit = apply_changes(source, found.input_changes)["fit"]
        assert source == before
        # -p with a ladder starts from an empty basis; -ip on a full basis trains nothing.
        assert (flag == "-ip") == ("ladder_step" in fit)
        assert (flag == "-ip") == (ladder and functions < 60)
        assert potential == "resume/potential.yaml"
        assert fit["fit_cycles"] == 3
        # Cycles and steps that follow have all their iterations.
        follows = flag == "-ip" or cycle < 2
        assert fit["maxiter"] == (100 if follows else found.remaining)
        assert ("first_maxiter" in found.resume) == follows
        assert found.finished == (not follows and not found.remaining)


@pytest.mark.parametrize(
    ("source", "found", "words"),
    [
        (given(ladder_step=5), climbing(target_functions=None), "not known whether the basis"),
        (given(), climbing(), "or the reverse"),
        (given(ladder_step=5), state(), "or the reverse"),
        (given(), {}, "damaged"),
        (given(), state(iteration=None), "damaged"),
        ({**given(ladder_step=5), "potential": "a.yaml"}, climbing(), "described in the input"),
    ],
)
def test_what_cannot_go_on_says_why(
    source: dict[str, Any], found: dict[str, Any], words: str
) -> None:
    plan = plan_continuation(source, found)
    assert words in str(plan.reason)
    assert (plan.arguments, plan.input_changes, plan.resume) == ((), {}, {})


def test_maxiter_where_the_evaluator_reads_it() -> None:
    options = given(options={"maxiter": 50, "gtol": 1e-8})
    assert plan_continuation(options, state()).remaining == 60
    options["backend"]["evaluator"] = "pyace"
    found = plan_continuation(options, state())
    assert found.input_changes == {"fit.maxiter": 10, "fit.options.maxiter": 10}
    default = given()
    del default["fit"]["maxiter"]
    assert plan_continuation(default, state()).remaining == 60


def checkpoint(folder: Path, name: str, **news: Any) -> Path:
    path = folder / "checkpoint" / name
    path.mkdir(parents=True)
    (path / "potential.yaml").write_text(name)
    (path / "state.json").write_text(json.dumps(state(**news)))
    return path


def test_the_newest_whole_checkpoint(tmp_path: Path) -> None:
    assert newest_checkpoint(tmp_path) is None
    checkpoint(tmp_path, "000009")
    newest = checkpoint(tmp_path, "1000000")
    checkpoint(tmp_path, "999999")
    checkpoint(tmp_path, "1000001.part")  # it was being written
    (checkpoint(tmp_path, "1000002") / "potential.yaml").unlink()  # half deleted by hand
    assert newest_checkpoint(tmp_path) == newest
    assert read_state(newest)["iteration"] == 40
    (newest / "state.json").write_text('{"iteration": 4')
    assert read_state(newest) == {}
    assert "damaged" in str(plan_continuation(given(), read_state(newest)).reason)
    before = newest_checkpoint(tmp_path)
    assert before and before.name == "999999"
    (before / "potential.yaml").write_text("")
    assert newest_checkpoint(tmp_path) == tmp_path / "checkpoint/000009"


def test_an_attempt_without_a_checkpoint_leaves_that_of_the_one_before(tmp_path: Path) -> None:
    assert newest_of_run(tmp_path) is None
    for name in ("09", "10", "notes"):
        (tmp_path / name).mkdir()
    first = checkpoint(tmp_path / "09", "000007")
    assert newest_of_run(tmp_path) == first
    assert newest_of_run(tmp_path / "gone") is None
    assert newest_of_run(tmp_path / "09") is None
    assert newest_of_run(tmp_path) != checkpoint(tmp_path / "10", "000001")


def test_prepare_can_be_repeated(tmp_path: Path) -> None:
    source = checkpoint(tmp_path / "01", "000001")
    (source / "hess_inv.npy").write_bytes(b"memory")
    stale = tmp_path / "02/resume/random.json"
    stale.parent.mkdir(parents=True)
    stale.write_text("{}")
    for first in (60, 50):
        prepare(tmp_path / "02", source, Plan(P, {}, {"first_maxiter": first}))
        resume = tmp_path / "02/resume"
        assert json.loads((resume / "plan.json").read_text()) == {"first_maxiter": first}
        assert sorted(file.name for file in resume.iterdir()) == [
            "hess_inv.npy", "plan.json", "potential.yaml", "state.json",
        ]  # fmt: skip
    assert not (source / "plan.json").exists()
