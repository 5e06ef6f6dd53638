"""The job of a minute that shows whether a site works."""

from __future__ import annotations

import json
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from standin import StandIn

from hpctrain.cli.main import main
from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.launch.site_test import SiteTest, last_tests, start, wait
from hpctrain.process import Reply
from hpctrain.project import Project

OTHER = "aarch64" if platform.machine() == "x86_64" else "x86_64"


def report_of(
    project: Project, standin: StandIn, site: str = "local", **keys: Any
) -> dict[str, Any]:
    changes = standin.changes(**keys)
    test = wait(project, start(project, site, changes=changes))
    assert test.found is not None
    return test.found


@pytest.mark.parametrize(
    "site", ["local", "practice-pbs", pytest.param("slurm", marks=pytest.mark.real_slurm)]
)
def test_a_site_that_works(
    site: str, project: Project, standin: StandIn, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    if site == "slurm":
        request.getfixturevalue("slurm")
    scratch = {"folder": "$SCRATCH_HERE"}
    environment = {"SCRATCH_HERE": str(tmp_path), "OMP_NUM_THREADS": "3"}
    found = report_of(project, standin, site, cores=1, scratch=scratch, environment=environment)
    assert found["problems"] == []
    assert found["packages"]["python-ace"] == "0.4.0rc1"
    assert found["trainer"]["imports"] is True
    assert (found["cores"], found["threads"]) == (1, "3")
    assert found["scratch"] == {"folder": str(tmp_path), "writable": True, "error": None}
    assert list(tmp_path.glob(".hpctrain-proof-*")) == []
    [test] = last_tests(project.runs)[site]
    assert test.words() == f"passed {found['when'][:10]}"
    assert test.job_id == found["job_id"]


@pytest.mark.slow
def test_a_site_that_does_not(
    project: Project, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    """Every problem is told at once; the module is one, although the script goes on."""
    changes = standin.changes(
        training={"evaluator": "tensorpot"},
        modules=["gcc/13 mkl"],
        setup=["conda activate x", "true"],
        scratch={"folder": "$NO_SUCH/x"},
        node={"arch": OTHER},
    )
    found = wait(project, start(project, "local", changes=changes)).found
    assert found is not None
    assert found["problems"] == [
        "the module gcc/13 is not loaded",
        "the module mkl is not loaded",
        "this line before the trainer fails: conda activate x",
        "the trainer cannot be imported: ModuleNotFoundError: No module named 'tensorpotential'",
        f"the node is {platform.machine()}, but the profile says {OTHER}",
        "scratch $NO_SUCH/x: a variable in it is not set",
    ]
    assert main(["sites", "list", "--project", str(project.folder)]) == 0
    listed = capsys.readouterr().out
    assert f"failed {found['when'][:10]}" in listed


@pytest.mark.slow
def test_on_the_command_line(
    project: Project, standin: StandIn, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = [f"site.trainer.python={standin.python}", "training.evaluator=pyace"]
    argv = ["sites", "test", "local", "--wait", "--project", str(project.folder)]
    for setting in settings:
        argv += ["--set", setting]
    assert main(argv) == 0
    out, err = capsys.readouterr()
    assert out.startswith("local: passed 20")
    assert "python-ace 0.4.0rc1" in out
    assert "GPUs: none" in out
    assert "test job 1 on local" in err
    assert main([*argv, "--json", "--set", "site.scratch={folder: /nowhere}"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["verdict"] == "failed"
    assert told["found"]["problems"] == ["scratch /nowhere: No such file or directory"]


def test_a_job_that_leaves_nothing(project: Project, standin: StandIn) -> None:
    test = start(project, "local", changes=standin.changes(setup=["exit 3"]))
    assert test.verdict == "submitted"
    with pytest.raises(HpctrainError, match="has ended and left no report") as caught:
        wait(project, test, visible_s=0.2)
    assert str(test.folder) in (caught.value.hint or "")
    [known] = last_tests(project.runs)["local"]
    assert (known.verdict, known.job_id) == ("submitted", test.job_id)


def test_a_job_that_is_refused_leaves_no_folder(project: Project, standin: StandIn) -> None:
    def refuses(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        said = "sbatch: error: invalid partition specified: x\n"
        failed = "sbatch: error: Batch job submission failed: Invalid partition name specified\n"
        return Reply(tuple(argv), 1, "", said + failed)

    with pytest.raises(HpctrainError, match="slurm did not take the job") as caught:
        start(project, "slurm", changes=standin.changes(), program=refuses)
    assert "hpctrain sites check slurm" in (caught.value.hint or "")
    assert not (project.runs / ".proofs").exists()

    def silent(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        return Reply(tuple(argv), None, "", "", "sbatch: no answer in 60 s")

    with pytest.raises(SiteUnreachable, match="did not say whether it took the job"):
        start(project, "slurm", changes=standin.changes(), program=silent)


def test_it_asks_for_what_a_training_would_get(project: Project, standin: StandIn) -> None:
    """The target's own options, and five minutes."""
    told: list[str] = []

    def takes(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        told.append((Path(str(cwd)) / "job.sh").read_text())
        return Reply(tuple(argv), 0, "17\n", "")

    changes = standin.changes(account="m1", target="gpu-shared", environment={})
    test = start(project, "perlmutter", changes=changes, program=takes)
    assert (test.site, test.target, test.job_id) == ("perlmutter", "gpu-shared", "17")
    for line in ("--qos=shared", "--account=m1_g", "--time=00:05:00", "--gpus-per-node=1"):
        assert f"#SBATCH {line}\n" in told[0]
    settings = json.loads((test.folder / "job" / "settings.json").read_text())
    assert (settings["cores"], settings["gpus"], settings["scratch"]) == (16, 1, "$PSCRATCH")


def test_two_at_once(project: Project, standin: StandIn) -> None:
    """The second is the last one, and has a folder of its own."""
    job_ids = iter(("17", "18"))

    def takes(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        return Reply(tuple(argv), 0, f"{next(job_ids)}\n", "")

    first, second = (
        start(project, "slurm", changes=standin.changes(), program=takes) for _ in range(2)
    )
    assert first.folder != second.folder
    assert last_tests(project.runs)["slurm"] == [second]


def test_what_is_said_of_a_test(tmp_path: Path) -> None:
    facts: dict[str, Any] = {
        "site": "s", "target": "gpu", "folder": tmp_path, "submitted": "2026-11-25T23:00:00Z",
        "job_id": "1", "scheduler": "slurm",
    }  # fmt: skip
    assert SiteTest(**facts, found=None).words() == "submitted 2026-11-25 (gpu)"
    found = {"when": "2026-11-26T01:00:00Z", "problems": ["x"]}
    assert SiteTest(**facts, found=found).words() == "failed 2026-11-26 (gpu)"


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("proof.json", '{"when": 3}', "cores is missing"),
        ("proof.json", '{"when": "2026', "it is not whole JSON"),
        ("submitted.json", "[]", "it is not a mapping of keys to values"),
    ],
)
def test_a_damaged_test_is_told_of(
    name: str, content: str, words: str, project: Project, standin: StandIn,
    capsys: pytest.CaptureFixture[str],
) -> None:  # fmt: skip
    def takes(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        return Reply(tuple(argv), 0, "17\n", "")

    test = start(project, "slurm", changes=standin.changes(), program=takes)
    (test.folder / name).write_text(content)
    [known] = last_tests(project.runs)["slurm"]
    assert known.verdict == "damaged"
    assert main(["sites", "list", "--project", str(project.folder)]) == 0
    listed = capsys.readouterr().out
    assert f"runs/.proofs/slurm/{test.folder.name}/{name} is damaged: {words}" in listed
    if name == "proof.json":
        with pytest.raises(HpctrainError, match=r"proof\.json is damaged"):
            wait(project, test)


@pytest.mark.slow
@pytest.mark.real_pacemaker
def test_the_real_trainer(project: Project, pacemaker: None) -> None:
    test = wait(project, start(project, "local"))
    assert test.found is not None
    assert test.found["problems"] == []
    assert {"python-ace", "tensorpotential"} <= set(test.found["packages"])
    assert test.found["trainer"]["gpus"] == []
