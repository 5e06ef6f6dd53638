"""The job on this machine, with a stand-in for the trainer: see standin_pacemaker.py."""

from __future__ import annotations

import contextlib
import errno
import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from contracts import mismatches
from standin import StandIn
from waiting import wait_for

from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.job import environment
from hpctrain.launch.prepare import prepare
from hpctrain.launch.submit import submit
from hpctrain.pages.page import page
from hpctrain.potentials.card import Card
from hpctrain.potentials.collect import collect
from hpctrain.potentials.report import read_potential
from hpctrain.project import Project
from hpctrain.runs.actions.cancel import cancel
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.state.verdict import SETTLED
from hpctrain.schedulers.local_queue import state as processes

pytestmark = pytest.mark.slow

LIMIT_S = 30.0


def settled(project: Project, limit_s: float = LIMIT_S) -> RunStatus:
    """The latest run, once it has ended."""

    def look() -> RunStatus | None:
        run = status(project).runs[-1]
        return run if run.state in SETTLED else None

    found = wait_for(look, limit_s, "the run to end")
    assert found is not None
    return found


def read(path: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(path.read_text())
    return content


def alive(pid: int) -> bool:
    return bool(processes.process_fields(pid))


def pid_in(path: Path) -> int:
    wait_for(lambda: path.is_file() and path.read_text().endswith("\n"), LIMIT_S, f"{path}")
    return int(path.read_text())


# --- the main job: submit, status, collect --------------------------------------------------


def test_from_submit_to_a_potential(project: Project, standin: StandIn) -> None:
    submitted = submit(project, "local", changes=standin.changes(cores=1))
    run = settled(project)
    assert (run.state, run.reason, run.iteration) == ("completed", "", 4)
    assert run.train is not None
    assert run.test is not None

    (potential,) = collect(project).potentials
    assert (potential.name, potential.new) == ("potential_gen_01", True)
    names = sorted(path.name for path in project.potentials.iterdir())
    ends = ("asi", "json", "yace", "yaml")
    assert names == [f"potential_gen_01.{end}" for end in ends] + ["report"]
    report = project.potentials / "report" / "potential_gen_01"
    assert (report / "learning_curve.png").read_bytes().startswith(b"\x89PNG")
    assert len((report / "learning_curve.csv").read_text().splitlines()) >= 6

    card = read(project.potentials / "potential_gen_01.json")
    assert set(card) >= {
        "schema", "name", "generation", "files", "elements", "units", "reference_energies",
        "metrics", "dataset", "settings", "evaluator", "input", "run", "versions", "use",
    }  # fmt: skip
    metrics = card["metrics"]
    # The trainer's table, its predictions and the archived file tell the same errors.
    table = (submitted.run_dir / "attempts/01/metrics.txt").read_text().splitlines()
    last = dict(zip(table[0].split(), table[-1].split(), strict=True))
    assert metrics["train"]["rmse_energy_mev_per_atom"] == pytest.approx(
        1000 * float(last["rmse_epa"])
    )
    assert metrics["train"]["rmse_force_ev_per_a"] == pytest.approx(float(last["rmse_f_comp"]))
    for key in ("rmse_energy_mev_per_atom", "rmse_force_ev_per_a"):
        assert metrics["archived_file_on_test"][key] == pytest.approx(metrics["test"][key])
        assert run.test[key] == metrics["test"][key]
    assert (metrics["train"]["structures"], metrics["test"]["structures"]) == (8, 2)
    assert metrics["iterations"] == 4
    assert card["reference_energies"] == {"Al": -0.2994}
    assert card["versions"]["python-ace"] == "0.4.0rc1"
    assert card["run"]["environment"]["variables"]["OMP_NUM_THREADS"] == "1"
    assert card["run"]["job_ids"] == [submitted.job_id]
    assert set(card["run"]["seconds"]) == {
        "convert", "train", "finish", "active_set", "verify", "total"}  # fmt: skip
    assert card["active_set"] == {"made": True, "why": None}
    assert mismatches(Card, json.loads(json.dumps(card))) == []

    # The page is what the archive alone gives.
    drawn = (report / "report.html").read_text(encoding="utf-8")
    assert drawn == page(read_potential(card, project.potentials, output=report / "report.html"))
    assert '<a href="../../potential_gen_01.yace">' in drawn
    assert card["run"]["spent"]["attempts"] == card["run"]["spent"]["of"] == 1
    assert card["run"]["spent"]["core_hours"] == pytest.approx(
        card["run"]["seconds"]["total"] / 3600, abs=1e-4
    )
    assert card["files"]["yace"]["sha256"] in drawn

    again = collect(project)
    assert [(one.name, one.new) for one in again.potentials] == [("potential_gen_01", False)]
    assert sorted(path.name for path in project.potentials.iterdir()) == names

    # What cannot be drawn is left out of the page.
    second = submit(project, "local", changes=standin.changes())
    assert settled(project).state == "completed"
    check = {"name": "dimers", "title": "", "verdict": "pass", "value": None, "unit": None,
             "limits": None, "seen": "", "data": {"pairs": {"Al-Al": {}}}}  # fmt: skip
    torn = {"schema": "hpctrain.verification/1", "verdict": "pass", "checks": [check]}
    (second.run_dir / "attempts/01/verification.json").write_text(json.dumps(torn))
    assert {one.name for one in collect(project).potentials} == {
        "potential_gen_01", "potential_gen_01_r2",
    }  # fmt: skip
    assert len(list(project.potentials.glob("*.yace"))) == 2
    assert (project.potentials / "report/potential_gen_01_r2/report.html").exists()


def test_a_page_that_cannot_be_drawn(
    project: Project, standin: StandIn, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It costs the page, and nothing else."""

    def fail(_: object) -> str:
        raise ValueError("no picture of it")

    submit(project, "local", changes=standin.changes())
    assert settled(project).state == "completed"
    monkeypatch.setattr("hpctrain.pages.page.page", fail)
    said: list[str] = []
    (potential,) = collect(project, say=said.append).potentials
    assert potential.new
    (told,) = said
    assert "the potential is archived; try: hpctrain report potential_gen_01" in told
    assert not (project.potentials / "report/potential_gen_01/report.html").exists()


@pytest.mark.parametrize(
    ("behaviour", "training", "why"),
    [
        ("no-active-set", {}, "pace_activeset failed (exit code 1): numpy.linalg.LinAlgError: "
         "Singular matrix"),
        ("", {"active_set": False}, "switched off (training.active_set)"),
    ],
)  # fmt: skip
def test_a_potential_without_its_active_set(
    project: Project, standin: StandIn, behaviour: str, training: dict[str, Any], why: str
) -> None:
    submit(project, "local", changes=standin.changes(behaviour, training))
    assert settled(project).state == "completed"
    (potential,) = collect(project).potentials
    assert potential.card["active_set"] == {"made": False, "why": why}
    assert set(potential.card["files"]) == {"yace", "yaml"}
    assert not list(project.potentials.glob("*.asi"))
    assert "lammps_extrapolation" not in potential.card["use"]


def test_test_curve_of_tensorpot(
    project: Project, standin: StandIn, overlay: Callable[..., dict[str, str]]
) -> None:
    variables = overlay(TENSORPOTENTIAL, TENSORFLOW, ("numpy", "2.3.5", None))
    changes = standin.changes(training={"evaluator": "tensorpot"}, environment=variables)
    submitted = submit(project, "local", changes=changes)
    run = settled(project)
    assert (run.state, run.reason) == ("completed", "")
    rows = (submitted.run_dir / "attempts/01/test_metrics.txt").read_text().splitlines()
    assert [line.split()[2] for line in rows[1:]] == ["0", "2", "4"]
    (potential,) = collect(project).potentials
    assert potential.card["versions"]["tensorpotential"] == "0.6.2.1"


def test_cancel_ends_the_trainer(project: Project, standin: StandIn) -> None:
    submitted = submit(project, "local", changes=standin.changes("hang"))
    trainer = pid_in(submitted.run_dir / "attempts/01/standin.pid")
    assert status(project).runs[0].state == "running"
    assert [one.asked for one in cancel(project, (submitted.run_id,))] == [True]
    assert settled(project).state == "cancelled"
    assert not alive(trainer)
    result = read(submitted.run_dir / "attempts/01/result.json")
    assert (result["state"], result["reason"]) == ("terminated", "ended by SIGTERM")
    (left_out,) = collect(project).not_ready
    assert left_out.state == "cancelled"
    assert not project.potentials.exists()


def test_walltime(project: Project, standin: StandIn) -> None:
    """A trainer that does not end when asked is ended in time for the job to say so."""
    # Long enough for the trainer to begin on a busy machine.
    site = {"walltime": "00:00:20", "margin": "00:00:02"}
    submitted = submit(project, "local", changes=standin.changes("hang", **site))
    trainer = pid_in(submitted.run_dir / "attempts/01/standin.pid")
    run = settled(project)
    assert run.state == "timeout"
    assert run.reason.startswith("asked to end 2 s before the walltime, the trainer did not end")
    assert "0 of 4 iterations are done; no iteration was completed" in run.reason
    assert not alive(trainer)


def test_a_failing_trainer_is_quoted(project: Project, standin: StandIn) -> None:
    submitted = submit(project, "local", changes=standin.changes("crash no_forces"))
    run = settled(project)
    assert run.state == "failed"
    assert "no column forces" in run.reason
    assert "ValueError: Column `forces` not found in dataset" in run.reason
    assert read(submitted.run_dir / "attempts/01/result.json")["reason"] == run.reason
    (left_out,) = collect(project).not_ready
    assert left_out.reason == run.reason
    assert not project.potentials.exists()


def test_a_job_script_that_fails(project: Project, standin: StandIn) -> None:
    site = {"setup": ["echo no such module >&2", "exit 7"]}
    submitted = submit(project, "local", changes=standin.changes(**site))
    run = settled(project)
    assert run.state == "failed"
    assert run.reason == "before the training, exit 7 failed (exit code 7): no such module"
    assert (run.job_id, run.attempt) == (submitted.job_id, 1)


def test_a_python_that_is_not_there(project: Project, standin: StandIn) -> None:
    site = {"trainer": {"python": "/no/such/python"}}
    with pytest.raises(HpctrainError, match="/no/such/python, which is not a program"):
        submit(project, "local", changes=standin.changes(**site))
    assert status(project).runs == []


# --- the driver by itself --------------------------------------------------------------------


# Starts a program that ignores the signals of the first argument, and no others.
IGNORING = """
import os, signal, sys
for number in (signal.SIGHUP, signal.SIGINT, signal.SIGTERM):
    ignored = str(int(number)) in sys.argv[1].split()
    signal.signal(number, signal.SIG_IGN if ignored else signal.SIG_DFL)
os.execv(sys.argv[2], sys.argv[2:])
"""


class Job:
    """A run's folder as `submit` makes it, and its driver started by hand."""

    def __init__(self, folder: Path, standin: StandIn) -> None:
        self.folder = folder
        self.attempt = folder / "attempts" / "01"
        self._python = standin.python
        self.children: list[subprocess.Popen[str]] = []

    def start(
        self,
        behaviour: str = "",
        ignored: str = "",
        number: int = 1,
        out: Any = subprocess.PIPE,
        **variables: str,
    ) -> subprocess.Popen[str]:
        kept = {k: v for k, v in os.environ.items() if not k.startswith(("SLURM", "PBS"))}
        child = subprocess.Popen(
            [
                sys.executable,
                "-c",
                IGNORING,
                ignored,
                str(self._python),
                "job/train.py",
                str(number),
            ],
            cwd=self.folder,
            env={
                **kept,
                "STANDIN": behaviour,
                "STANDIN_RECORDED": str(Path(__file__).parents[1] / "recorded/pacemaker"),
                **variables,
            },
            stdout=out,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        self.children.append(child)
        return child

    def run(self, behaviour: str = "", number: int = 1, **variables: str) -> tuple[int, str]:
        child = self.start(behaviour, number=number, **variables)
        said, _ = child.communicate(timeout=LIMIT_S)
        return child.returncode, said

    def failed(self, behaviour: str = "", **variables: str) -> str:
        """Run it, and tell why it failed."""
        code, said = self.run(behaviour, **variables)
        assert (code, self.result["state"]) == (1, "failed"), said
        reason = str(self.result["reason"])
        assert reason in said
        return reason

    @property
    def result(self) -> dict[str, Any]:
        return read(self.attempt / "result.json")

    def phase(self, name: str) -> None:
        def reached() -> bool:
            with contextlib.suppress(OSError, ValueError):
                return bool(read(self.attempt / "heartbeat.json")["phase"] == name)
            return False

        wait_for(reached, LIMIT_S, f"phase {name}")


@pytest.fixture
def hasty(job: Job) -> Job:
    """A job that does not convert its data, for tests that never come to use them."""
    (job.folder / "job/pacemaker/convert.py").write_text("")
    return job


@pytest.fixture
def job(
    project: Project, standin: StandIn, tmp_path: Path, request: pytest.FixtureRequest
) -> Iterator[Job]:
    training = getattr(request, "param", None)
    prepare(project, tmp_path / "run", "local", changes=standin.changes(training=training))
    job = Job(tmp_path / "run", standin)
    yield job
    for child in job.children:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.communicate()
    with contextlib.suppress(OSError, ValueError):
        os.kill(int((job.attempt / "left.pid").read_text()), signal.SIGKILL)


def test_the_users_command_at_the_end(job: Job) -> None:
    """It is called when all is written, and a failure of it is a note."""
    edit(job.folder / "job/settings.json", '"on_end": []', '"on_end": ["./said", "done"]')
    job.attempt.mkdir(parents=True)
    (job.attempt / "said").write_text('#!/bin/sh\nls result.json\necho "$1"; exit 5\n')
    (job.attempt / "said").chmod(0o755)
    code, said = job.run()
    assert (code, job.result["state"]) == (0, "completed"), said
    assert (job.attempt / "on_end.out").read_text() == "result.json\ndone\n"
    assert job.result["on_end"] == {"problem": "on_end failed (exit code 5): done"}


def test_a_second_job_for_the_attempt_touches_nothing(hasty: Job) -> None:
    first = hasty.start("hang")
    pid_in(hasty.attempt / "standin.pid")

    def seen() -> dict[str, tuple[int, int]]:
        """But for the heartbeat, which goes on."""
        return {
            path.name: (path.stat().st_mtime_ns, path.stat().st_ino)
            for path in hasty.attempt.iterdir()
            if not path.name.startswith("heartbeat")
        }

    before, claim = seen(), (hasty.attempt / "claim.json").read_text()
    code, said = hasty.run()
    assert code == 73
    assert f'"pid": {first.pid}' in said
    assert seen() == before
    assert (hasty.attempt / "claim.json").read_text() == claim
    assert first.poll() is None


def test_jobs_at_once_claim_an_attempt_once(hasty: Job) -> None:
    children = [hasty.start("crash no_backend") for _ in range(6)]
    codes = sorted(child.wait(LIMIT_S) for child in children)
    assert codes == [1] + [73] * 5
    assert read(hasty.attempt / "claim.json")["pid"] in [child.pid for child in children]
    assert list(hasty.attempt.glob("claim.json?*")) == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP])
def test_a_signal_during_training(hasty: Job, number: signal.Signals) -> None:
    child = hasty.start("hang")
    trainer = pid_in(hasty.attempt / "standin.pid")
    child.send_signal(number)
    assert child.wait(LIMIT_S) == 1
    assert (hasty.result["state"], hasty.result["reason"]) == (
        "terminated",
        f"ended by {number.name}",
    )
    assert not alive(trainer)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_that_the_parent_ignores(hasty: Job, number: signal.Signals) -> None:
    """A shell that starts something in the background has it ignore SIGINT."""
    child = hasty.start("hang", ignored=str(int(number)))
    trainer = pid_in(hasty.attempt / "standin.pid")
    # The trainer does with it what it does anywhere else.
    assert not ignores(trainer, number)
    child.send_signal(number)
    assert child.wait(LIMIT_S) == 1
    assert hasty.result["reason"] == f"ended by {number.name}"
    assert not alive(trainer)


def test_a_hang_up_that_the_parent_ignores(hasty: Job) -> None:
    """Under nohup the job outlives its terminal."""
    child = hasty.start("hang", ignored=str(int(signal.SIGHUP)))
    trainer = pid_in(hasty.attempt / "standin.pid")
    assert ignores(child.pid, signal.SIGHUP)
    assert ignores(trainer, signal.SIGHUP)


def ignores(pid: int, number: signal.Signals) -> bool:
    """Say whether a process ignores a signal, as its mask in /proc tells."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    [mask] = [line.split()[1] for line in lines if line.startswith("SigIgn:")]
    return bool(int(mask, 16) >> (number - 1) & 1)


def test_a_trainer_that_is_told_before_its_job(hasty: Job) -> None:
    """It did not fail by itself: whoever ends a job may signal one process after the other."""
    child = hasty.start("hang")
    trainer = pid_in(hasty.attempt / "standin.pid")
    os.kill(trainer, signal.SIGTERM)
    gone = Path(f"/proc/{trainer}")
    wait_for(lambda: not gone.exists(), LIMIT_S, "the driver to see it")
    child.terminate()
    assert child.wait(LIMIT_S) == 1
    assert (hasty.result["state"], hasty.result["reason"]) == ("terminated", "ended by SIGTERM")


def test_a_trainer_that_somebody_ended(hasty: Job) -> None:
    child = hasty.start("hang")
    os.kill(pid_in(hasty.attempt / "standin.pid"), signal.SIGTERM)
    assert child.wait(LIMIT_S) == 1
    assert hasty.result["state"] == "failed"
    assert hasty.result["reason"].startswith("pacemaker was ended by SIGTERM: ")


def test_a_signal_while_converting(job: Job) -> None:
    (job.folder / "job/pacemaker/convert.py").write_text(
        "import os, time\nopen('standin.pid', 'w').write(f'{os.getpid()}\\n')\ntime.sleep(1000)\n"
    )
    child = job.start()
    step = pid_in(job.attempt / "standin.pid")
    child.terminate()
    assert child.wait(LIMIT_S) == 1
    assert job.result["state"] == "terminated"
    assert not alive(step)
    assert not (job.attempt / "pacemaker.out").exists()


def test_a_signal_while_finishing(job: Job) -> None:
    child = job.start("hang-finish")
    job.phase("finish")
    pid_in(job.attempt / "standin.pid")
    child.terminate()
    assert child.wait(LIMIT_S) == 1
    assert job.result["state"] == "terminated"
    assert (job.attempt / "output_potential.yaml").is_file()


@pytest.mark.parametrize("job", [{"verify_minutes": 5.0}], indirect=True)
def test_a_signal_while_verifying_loses_nothing(job: Job) -> None:
    """The potential is finished: the job ends as completed, and says what was not done."""
    (job.folder / "job/checks/main.py").write_text(
        "import os, time\nopen('standin.pid', 'w').write(f'{os.getpid()}\\n')\ntime.sleep(1000)\n"
    )
    child = job.start()
    job.phase("verify")
    step = pid_in(job.attempt / "standin.pid")
    child.terminate()
    assert child.wait(LIMIT_S) == 0
    assert (job.result["state"], "reason" in job.result) == ("completed", False)
    assert job.result["verification"] == {"verdict": None, "problem": "ended by SIGTERM"}
    ends = ("yaml", "yace", "asi")
    assert set(job.result["files"]) == {f"output_potential.{end}" for end in ends}
    assert not alive(step)


@pytest.mark.parametrize("job", [{"verify_minutes": 5.0}], indirect=True)
def test_checks_that_cannot_begin_lose_nothing(job: Job) -> None:
    """The stand-in of pyace is no calculator that the checks could work with."""
    code, said = job.run()
    assert (code, job.result["state"]) == (0, "completed"), said
    assert job.result["verification"]["verdict"] is None
    assert "verify failed (exit code 1)" in job.result["verification"]["problem"]


@pytest.mark.parametrize("job", [{"b_basis_size": "auto"}], indirect=True)
def test_a_number_of_functions_that_the_job_chooses(job: Job) -> None:
    """The stand-in has no functions to compare: the default is taken, and why is told."""
    code, said = job.run()
    assert (code, job.result["state"]) == (0, "completed"), said
    size = job.result["basis_size"]
    assert (size["chosen"], size["cap"], size["tried"]) == (300, 700, [])
    assert size["problem"]
    assert "basis_size" in job.result["seconds"]
    given = yaml.safe_load((job.attempt / "input.yaml").read_text())
    assert given["potential"]["functions"]["number_of_functions_per_element"] == 300
    assert "300 functions per element" in (job.attempt / "basis_size.out").read_text()


def test_signals_again_and_again_tear_nothing(hasty: Job) -> None:
    child = hasty.start("hang")
    pid_in(hasty.attempt / "standin.pid")
    while child.poll() is None:
        child.terminate()
        time.sleep(0.001)
    assert child.returncode == 1
    assert hasty.result["state"] == "terminated"
    assert [path.name for path in hasty.attempt.glob("*.json?*")] == []


def test_a_trainer_that_will_not_end_is_killed_with_all_it_started(hasty: Job) -> None:
    steps = hasty.folder / "job" / "steps.py"
    text = steps.read_text()
    assert "TERMINATION_S = 10.0" in text
    steps.write_text(text.replace("TERMINATION_S = 10.0", "TERMINATION_S = 0.5"))
    child = hasty.start("stubborn")
    trainer = pid_in(hasty.attempt / "standin.pid")
    left = pid_in(hasty.attempt / "left.pid")
    child.terminate()
    assert child.wait(LIMIT_S) == 1
    assert hasty.result["state"] == "terminated"
    assert not alive(trainer)
    assert not alive(left)


def test_nothing_that_the_trainer_left_survives_the_job(job: Job) -> None:
    code, said = job.run("leave")
    assert (code, said) == (0, "")
    assert not alive(pid_in(job.attempt / "left.pid"))


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("sigkill", "pacemaker was killed (often: out of memory)"),
        ("crash tensorpot_numpy24", 'install "numpy<2.4"'),
        ("crash issue86", "ICAMS/python-ace#86"),
    ],
)
def test_failures_in_words(hasty: Job, behaviour: str, words: str) -> None:
    assert words in hasty.failed(behaviour)
    assert "potential" not in hasty.result


@pytest.mark.parametrize(
    ("behaviour", "words"),
    [
        ("no-output", "without output_potential.yaml"),
        ("nothing-trained", "trained nothing"),
        ("nan", "evaluate failed (exit code 1): the potential predicts energies or forces that"),
    ],
)
def test_a_fit_that_is_none(job: Job, behaviour: str, words: str) -> None:
    assert words in job.failed(behaviour)
    assert "potential" not in job.result


@pytest.mark.parametrize("content", [None, "", "[]", '{"cores": 1}'])
def test_settings_that_are_gone(job: Job, content: str | None) -> None:
    settings = job.folder / "job" / "settings.json"
    settings.unlink()
    if content is not None:
        settings.write_text(content)
    reason = job.failed()
    assert str(settings) in reason
    assert "submit again" in reason


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda text: text[: len(text) // 2], "structure "),
        (
            lambda text: text.replace("energy=", "enthalpy="),
            "structure 1 cannot be read: it has no",
        ),
        (lambda _: "", "train.extxyz"),
    ],
)
def test_structures_that_cannot_be_read(job: Job, edit: Callable[[str], str], words: str) -> None:
    data = job.folder / "train.extxyz"
    data.write_text(edit(data.read_text()))
    reason = job.failed()
    assert str(data) in reason
    assert words in reason
    assert "Traceback" not in reason
    assert list(job.attempt.glob("*.pckl.gzip*")) == []


def test_settings_that_name_no_engine(job: Job) -> None:
    """There was one engine when they were written."""
    path = job.folder / "job" / "settings.json"
    settings = read(path)
    assert settings.pop("engine") == "pacemaker"
    path.write_text(json.dumps(settings))
    code, output = job.run()
    assert (code, job.result["state"]) == (0, "completed"), output


def test_an_engine_that_is_not_there(job: Job) -> None:
    path = job.folder / "job" / "settings.json"
    path.write_text(json.dumps({**read(path), "engine": "gracemaker"}))
    assert "No module named 'job.gracemaker'" in job.failed()


def test_a_file_that_cannot_be_written(job: Job) -> None:
    job.attempt.mkdir(parents=True)
    (job.attempt / "environment.json").mkdir()
    assert "environment.json" in job.failed()
    assert [path.name for path in job.attempt.glob("*.json.*")] == []


def test_a_table_that_cannot_be_written(job: Job) -> None:
    (job.attempt / "train.pckl.gzip").mkdir(parents=True)
    assert "convert failed (exit code 1): " in job.failed()
    assert list(job.attempt.glob("*.pckl.gzip?*")) == []


def test_a_result_that_cannot_be_written_is_printed(hasty: Job) -> None:
    """As on a full disk; told to end, the job does not wait for room."""
    hasty.attempt.mkdir(parents=True)
    (hasty.attempt / "result.json").mkdir()
    child = hasty.start("hang")
    pid_in(hasty.attempt / "standin.pid")
    child.terminate()
    said, _ = child.communicate(timeout=LIMIT_S)
    assert child.returncode == 74
    assert '"state": "terminated"' in said


def break_writing(job: Job, name: str, number: int) -> None:
    """Let the file system refuse, with this error, to write files of that name."""
    fails = f"raise OSError({number}, __import__('os').strerror({number}), path)"
    edit(
        job.folder / "job/evidence.py",
        'with open(path, "w", encoding="utf-8") as file:',
        f'if "{name}" in path: {fails}\n    with open(path, "w", encoding="utf-8") as file:',
    )


IO_ERROR, FULL = "claim.json.*: Input/output error", "the disk, or its quota, is full (.*claim.json"


@pytest.mark.parametrize(("number", "words"), [(errno.EIO, IO_ERROR), (errno.ENOSPC, FULL)])
def test_a_claim_that_cannot_be_written(hasty: Job, number: int, words: str) -> None:
    break_writing(hasty, "claim.json", number)
    code, said = hasty.run()
    assert (code, "Traceback" in said) == (74, False)
    assert re.search(f"attempt 1 cannot begin: .*{words}".replace("(", r"\("), said), said
    assert list(hasty.attempt.iterdir()) == []


@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC, errno.ESTALE])
def test_a_heartbeat_that_cannot_be_written_ends_nothing(job: Job, number: int) -> None:
    break_writing(job, "heartbeat.json", number)
    code, said = job.run()
    assert (code, job.result["state"]) == (0, "completed"), said
    assert not (job.attempt / "heartbeat.json").exists()


def test_a_result_that_is_never_written(hasty: Job) -> None:
    break_writing(hasty, "result.json", errno.EIO)
    edit(hasty.folder / "job/attempt.py", "PATIENCE_S = 60.0", "PATIENCE_S = 0.1")
    code, said = hasty.run("crash no_backend")
    assert (code, "Traceback (most recent" in said.partition("result.json could")[0]) == (74, False)
    assert f"result.json could not be written ({hasty.attempt})" in said
    assert json.loads(said.splitlines()[-1])["state"] == "failed"


def test_a_training_whose_state_cannot_be_read(hasty: Job) -> None:
    edit(hasty.folder / "job/pacemaker/engine.py", "newest = plan.newest_checkpoint(folder)",
         "raise OSError(5, 'Input/output error', str(folder))")  # fmt: skip
    code, said = hasty.run("crash no_backend")
    assert (code, hasty.result["state"]) == (1, "failed")
    assert f"how far the training is cannot be read: {hasty.attempt}: Input/output error" in said


def test_an_output_that_is_full_ends_nothing(job: Job) -> None:
    """Nor does it change the exit code."""
    with Path("/dev/full").open("w") as full:
        assert job.start(out=full, number=2).wait(LIMIT_S) == 0
        assert job.start("crash no_backend", out=full, number=3).wait(LIMIT_S) == 0
    assert "has completed the training" in job.run(number=4)[1]


# --- an earlier attempt that is still alive --------------------------------------------------


def edit(path: Path, before: str, after: str) -> None:
    text = path.read_text()
    assert before in text
    path.write_text(text.replace(before, after))


def claimed_elsewhere(job: Job) -> None:
    """Make the first attempt one of another machine."""
    claim = read(job.attempt / "claim.json")
    (job.attempt / "claim.json").write_text(json.dumps({**claim, "host": "node7"}))


@pytest.fixture
def second(hasty: Job) -> Job:
    """The job of the second attempt; the first is begun, and hangs, as job 12."""
    edit(hasty.folder / "job/attempt.py", "HEARTBEAT_S = 15.0", "HEARTBEAT_S = 0.3")
    hasty.start("hang", HPCTRAIN_LOCAL_JOB_ID="12")
    pid_in(hasty.attempt / "standin.pid")
    return hasty


@pytest.mark.parametrize("elsewhere", [False, True])
def test_an_earlier_attempt_that_is_alive(second: Job, elsewhere: bool) -> None:
    """Two would train the same twice, and both would be charged."""
    if elsewhere:
        claimed_elsewhere(second)
    code, said = second.run("hang", number=2, HPCTRAIN_LOCAL_JOB_ID="13")
    result = read(second.folder / "attempts/02/result.json")
    assert (code, result["state"], result["gives_way_to"]) == (1, "failed", 1)
    assert re.fullmatch(
        r"attempt 1, job 12, is training: its heartbeat is \d+ s old; this attempt has trained "
        "nothing", result["reason"],
    )  # fmt: skip
    assert result["reason"] in said
    assert second.children[0].poll() is None
    assert not (second.attempt / "result.json").exists()
    assert not list(second.folder.glob("attempts/02/*.out"))


def test_an_earlier_attempt_that_was_killed_a_moment_ago(second: Job) -> None:
    """Of this machine's processes it is known, for another's it is waited a few heartbeats."""
    second.children[0].kill()
    second.children[0].wait()
    os.kill(pid_in(second.attempt / "standin.pid"), signal.SIGKILL)
    second.start("hang", number=2, HPCTRAIN_LOCAL_JOB_ID="13")
    pid_in(second.folder / "attempts/02/standin.pid")
    second.children[1].kill()
    second.children[1].wait()

    edit(second.folder / "job/earlier.py", "DEAD_S = 60.0", "DEAD_S = 2.0")
    for attempt in (1, 2):
        folder = second.folder / f"attempts/{attempt:02d}"
        claim = read(folder / "claim.json")
        (folder / "claim.json").write_text(json.dumps({**claim, "host": "node7"}))
        (folder / "heartbeat.json").touch()
    second.start("hang", number=3, HPCTRAIN_LOCAL_JOB_ID="14")
    pid_in(second.folder / "attempts/03/standin.pid")


def test_a_signal_while_it_looks_for_life(second: Job) -> None:
    claimed_elsewhere(second)
    second.children[0].send_signal(signal.SIGSTOP)
    (second.attempt / "heartbeat.json").touch()
    child = second.start(number=2, HPCTRAIN_LOCAL_JOB_ID="13")
    path = second.folder / "attempts/02"
    wait_for((path / "heartbeat.json").exists, LIMIT_S, "the second to begin")
    child.terminate()
    assert child.wait(LIMIT_S) == 1
    assert read(path / "result.json")["state"] == "terminated"


def test_a_job_that_is_requeued_does_not_meet_itself(second: Job) -> None:
    """Slurm has lost the node, and starts the job again elsewhere."""
    claimed_elsewhere(second)
    second.start("hang", number=2, HPCTRAIN_LOCAL_JOB_ID="12")
    pid_in(second.folder / "attempts/02/standin.pid")


# --- the trainer's environment ---------------------------------------------------------------

TENSORPOT = [{"evaluator": "tensorpot"}]
NUMPY_24 = ("numpy", "2.4.0", None)
TENSORFLOW = ("tensorflow-cpu", "2.20.0", "tensorflow")
TENSORPOTENTIAL = ("tensorpotential", "0.6.2.1", "tensorpotential")


@pytest.mark.parametrize("job", TENSORPOT, indirect=True)
@pytest.mark.parametrize(
    ("packages", "words"),
    [
        ([], "the evaluator tensorpot needs tensorpotential"),
        ([TENSORPOTENTIAL], "the evaluator tensorpot needs tensorflow"),
        ([TENSORPOTENTIAL, TENSORFLOW, NUMPY_24], "numpy 2.4.0 breaks tensorpotential 0.6.2.1"),
    ],
)
def test_an_environment_without(
    job: Job,
    overlay: Callable[..., dict[str, str]],
    packages: list[tuple[str, str, str | None]],
    words: str,
) -> None:
    assert words in job.failed(**overlay(*packages))
    # It is said before anything is done.
    assert not (job.attempt / "convert.out").exists()
    assert read(job.attempt / "environment.json")["packages"]["python-ace"] == "0.4.0rc1"


@pytest.mark.parametrize(
    ("evaluator", "packages"),
    [
        ("pyace", [NUMPY_24]),
        ("tensorpot", [TENSORPOTENTIAL, TENSORFLOW, ("numpy", "2.3.9", None)]),
        ("tensorpot", [("tensorpotential", "0.7.0", "tensorpotential"), TENSORFLOW, NUMPY_24]),
    ],
)
def test_environments_that_will_do(
    standin: StandIn,
    overlay: Callable[..., dict[str, str]],
    evaluator: str,
    packages: list[tuple[str, str, str | None]],
) -> None:
    assert fault(standin, evaluator, overlay(*packages)) == "None"


@pytest.mark.parametrize("numpy", ["2.4.0", "2.4.0rc1", "2.10.1", "3.0.0"])
def test_numpy_that_breaks_tensorpot(
    standin: StandIn, overlay: Callable[..., dict[str, str]], numpy: str
) -> None:
    variables = overlay(TENSORPOTENTIAL, TENSORFLOW, ("numpy", numpy, None))
    assert f"numpy {numpy} breaks" in fault(standin, "tensorpot", variables)


def fault(standin: StandIn, evaluator: str, variables: dict[str, str]) -> str:
    ask = f"from job.pacemaker import engine; print(engine.fault({{'evaluator': {evaluator!r}}}))"
    return subprocess.run(
        [str(standin.python), "-B", "-c", ask],
        cwd=resource("job").parent, env={**os.environ, **variables},
        capture_output=True, text=True, check=True,
    ).stdout.strip()  # fmt: skip


# What the trainer's TensorFlow is, as far as it is asked.
TENSORFLOW_SEES = """
from types import SimpleNamespace as Thing
def list_physical_devices(kind):
    assert kind == "GPU"
    {action}
config = Thing(list_physical_devices=list_physical_devices)
"""


def see(tmp_path: Path, action: str) -> None:
    """Let the overlay's TensorFlow do this when it is asked for its GPUs."""
    module = tmp_path / "overlay/tensorflow/__init__.py"
    module.write_text(TENSORFLOW_SEES.format(action=action))


def ask(job: Job, gpus: int, *, required: bool = False) -> None:
    """Let a run that is prepared have asked for GPUs."""
    path = job.folder / "job/settings.json"
    path.write_text(json.dumps({**read(path), "gpus": gpus, "require_gpu": required}))


ONE = "Thing(name='/physical_device:GPU:0')"
TF = (TENSORPOTENTIAL, TENSORFLOW, ("numpy", "2.3.5", None))
NONE_SEEN = "1 GPU requested, but the trainer sees none (nvidia-smi names "


@pytest.mark.parametrize("job", TENSORPOT, indirect=True)
@pytest.mark.parametrize(
    ("action", "seen"),
    [("return []", []), (f"return [{ONE}]", ["/physical_device:GPU:0"]), ("1 / 0", None)],
)
def test_the_gpus_that_the_trainer_sees(
    job: Job,
    tmp_path: Path,
    overlay: Callable[..., dict[str, str]],
    action: str,
    seen: list[str] | None,
) -> None:
    variables = overlay(*TF)
    see(tmp_path, action)
    ask(job, 1)
    code, said = job.run(**variables)
    assert code == 0, said
    environment = read(job.attempt / "environment.json")
    assert environment["trainer_gpus"] == seen
    warnings = job.result.get("warnings", [])
    assert [words.startswith(NONE_SEEN) for words in warnings] == [True] * (seen == [])
    assert environment.get("warnings", []) == warnings
    assert ("warning: 1 GPU" in said) == bool(warnings)


@pytest.mark.parametrize("job", TENSORPOT, indirect=True)
@pytest.mark.parametrize(
    ("gpus", "action", "words"),
    [(1, "return []", NONE_SEEN), (0, "return []", "a GPU is needed, but the trainer sees none"),
     (1, "1 / 0", "TensorFlow does not say whether the trainer sees one")],
)  # fmt: skip
def test_a_gpu_that_is_required(
    job: Job,
    tmp_path: Path,
    overlay: Callable[..., dict[str, str]],
    gpus: int,
    action: str,
    words: str,
) -> None:
    variables = overlay(*TF)
    see(tmp_path, action)
    ask(job, gpus, required=True)
    reason = job.failed(**variables)
    assert words in reason
    assert "require_gpu is set" in reason
    assert not (job.attempt / "pacemaker.out").exists()
    see(tmp_path, f"return [{ONE}]")
    shutil.rmtree(job.attempt)
    assert job.run(**variables)[0] == 0


@pytest.mark.parametrize("job", TENSORPOT, indirect=True)
def test_a_tensorflow_that_hangs_is_not_left_behind(
    job: Job, tmp_path: Path, overlay: Callable[..., dict[str, str]]
) -> None:
    variables = overlay(*TF)
    see(tmp_path, "import os, time; print(os.getpid(), flush=True); time.sleep(1000)")
    ask(job, 1)
    child = job.start(**variables)
    asked = pid_in(job.attempt / "gpus.out")
    job.phase("convert")
    wait_for(lambda: (job.attempt / "test.pckl.gzip").exists(), LIMIT_S, "the conversion")
    assert alive(asked)
    child.terminate()
    assert child.wait(LIMIT_S) == 1
    assert job.result["reason"] == "ended by SIGTERM"
    assert not alive(asked)


def test_pyace_needs_no_gpu(job: Job) -> None:
    ask(job, 1, required=True)
    assert job.run()[0] == 0
    assert "trainer_gpus" not in read(job.attempt / "environment.json")


def test_without_the_trainer(job: Job, standin: StandIn, tmp_path: Path) -> None:
    shutil.copytree(standin.packages.parents[2], tmp_path / "bare", symlinks=True)
    bare = tmp_path / "bare"
    packages = next(bare.glob("lib/python*/site-packages"))
    (packages / "pyace.py").unlink()
    shutil.rmtree(packages / "python_ace-0.4.0rc1.dist-info")
    job._python = bare / "bin" / "python"
    reason = job.failed()
    assert "Pacemaker (python-ace) is not installed" in reason
    assert str(bare / "bin" / "python") in reason


@pytest.mark.parametrize(
    ("variables", "cores"),
    [
        ({"SLURM_CPUS_PER_TASK": "3", "SLURM_CPUS_ON_NODE": "8"}, "3"),
        ({"SLURM_CPUS_ON_NODE": "5"}, "5"),
        ({"NCPUS": "4"}, "4"),
        ({"NCPUS": "0"}, str(len(os.sched_getaffinity(0)))),
        # In the queue of this machine, inside a job of Slurm's.
        ({"HPCTRAIN_LOCAL_JOB_ID": "7", "SLURM_JOB_ID": "42", "SLURM_CPUS_PER_TASK": "300"},
         str(len(os.sched_getaffinity(0)))),
    ],
)  # fmt: skip
def test_cores(variables: dict[str, str], cores: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("SLURM_CPUS_PER_TASK", "SLURM_CPUS_ON_NODE", "NCPUS", "HPCTRAIN_LOCAL_JOB_ID",
                 "SLURM_JOB_ID", "PBS_JOBID"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)
    for name, value in variables.items():
        monkeypatch.setenv(name, value)
    assert environment.cores(None) == int(cores)
    if "SLURM_JOB_ID" not in variables and cores in variables.values():
        assert environment.cores(None, threads_per_core=2) == max(1, int(cores) // 2)
    assert environment.job_id() == variables.get(
        "HPCTRAIN_LOCAL_JOB_ID", variables.get("SLURM_JOB_ID")
    )


def test_threads_that_the_site_sets_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    names = ("OMP_NUM_THREADS", "TF_NUM_INTRAOP_THREADS", "TF_NUM_INTEROP_THREADS")
    for name in names:
        monkeypatch.setenv(name, "9")
    environment.set_threads(3, ["TF_NUM_INTRAOP_THREADS"])
    assert [os.environ[name] for name in names] == ["3", "9", "1"]
