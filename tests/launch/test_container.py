"""The trainer in a container: the words of the job script, and a job that runs in one.

The runtime of these tests is a stand-in that reads the options as apptainer does.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import pytest
from standin import StandIn

from hpctrain.errors import HpctrainError
from hpctrain.launch.container import container_words
from hpctrain.launch.script import job_script
from hpctrain.launch.site_test import start, wait
from hpctrain.project import Project
from hpctrain.schedulers import scheduler_of
from hpctrain.schedulers.base import JobRequest
from hpctrain.sites.advice import advice
from hpctrain.sites.choose import choose
from hpctrain.sites.load import Site
from hpctrain.sites.misfits import misfits
from hpctrain.sites.profile import SiteProfile

RUN = Path("/project of mine/runs/R")
IMAGE = "/images/pace $1.sif"
RUNTIME = """#!/bin/bash
[ "$1" = exec ] && shift
while [ "${1#--}" != "$1" ]; do
    case $1 in --bind | --pwd) shift 2 ;; --nv | --rocm) shift ;; *) exit 9 ;; esac
done
[ -e "$1" ] || { echo "FATAL:   could not open image $1: no such file or directory" >&2; exit 255; }
export APPTAINER_CONTAINER=$1
shift
exec "$@"
"""


def profile(scheduler: str = "slurm", **keys: Any) -> SiteProfile:
    trainer = {"container": IMAGE, **keys.pop("trainer", {})}
    return SiteProfile.model_validate({"scheduler": scheduler, "trainer": trainer, **keys})


@pytest.mark.parametrize(
    ("keys", "option"),
    [
        ({}, []),
        ({"gpus": 1}, ["--nv"]),
        ({"gpus": 1, "node": {"gpu": "NVIDIA GH200"}}, ["--nv"]),
        ({"gpus": 1, "node": {"gpu": "AMD MI250X GCD"}}, ["--rocm"]),
        ({"gpus": 1, "node": {"gpu": "Intel Data Center GPU Max"}}, []),
        ({"node": {"gpu": "AMD MI300A"}}, []),
        ({"require_gpu": True}, ["--nv"]),
    ],
)
def test_the_gpus_come_along(keys: dict[str, Any], option: list[str]) -> None:
    assert container_words(profile(**keys), RUN) == [
        "apptainer", "exec", *option, "--bind", str(RUN), "--pwd", str(RUN), IMAGE,
    ]  # fmt: skip


def test_the_script_quotes_everything_and_tries_the_container_first() -> None:
    site = profile(
        launcher=["srun"],
        trainer={"runtime": "singularity", "binds": ["/a b:/data:ro"], "python": "/opt/py 3"},
    )
    job = JobRequest("p.t", "hpctrain:t", "job-%j.out")
    script = job_script(site, scheduler_of("slurm", Path("/q")), job, "R", RUN, None)
    words = (
        "singularity exec --bind '/project of mine/runs/R' --bind '/a b:/data:ro' --pwd "
        "'/project of mine/runs/R' '/images/pace $1.sif' '/opt/py 3' "
    )
    assert f"\n{words}-V >/dev/null\n" in script
    assert script.endswith(f'\nexec srun {words}job/train.py "${{1:-1}}"\n')
    assert "\nexport PYTHONNOUSERSITE=1\n" in script


def test_python3_of_the_image_where_none_is_named() -> None:
    job = JobRequest("p.t", "hpctrain:t", "job-%j.out")
    script = job_script(profile(), scheduler_of("slurm", Path("/q")), job, "R", RUN, None)
    assert f"'{IMAGE}' python3 job/train.py" in script


@pytest.mark.parametrize("folder", ["/a,b/runs/R", "/a:b/runs/R"])
def test_a_folder_that_cannot_be_bound(folder: str) -> None:
    with pytest.raises(HpctrainError, match="has a comma or a colon"):
        container_words(profile(), Path(folder))


@pytest.mark.parametrize(
    "trainer",
    [
        {"container": "pace.sif"},
        {"binds": ["/a,/b"]},
        {"binds": ["data:/data"]},
        {"binds": ["/a:/b:exec"]},
        {"runtime": "docker"},
    ],
)
def test_what_no_container_can_be_told(trainer: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="1 validation error"):
        profile(trainer=trainer)


def test_inside_a_container_there_is_no_sbatch() -> None:
    for mode, refused in (("resubmit", 1), ("requeue", 1), ("chain", 0), ("manual", 0)):
        assert len(misfits(profile(continuation=mode))) == refused


@pytest.mark.parametrize(
    ("keys", "notes"),
    [
        ({"node": {"arch": "aarch64"}}, ["the nodes are aarch64, and PyPI has python-ace ready"]),
        ({"node": {"arch": "aarch64"}, "trainer": {"python": "/env/bin/python"}}, []),
        ({"node": {"arch": "aarch64"}, "trainer": {"container": IMAGE}}, []),
        ({"node": {"gpu": "AMD MI250X", "gpus": 8}, "gpus": 1}, ["the GPUs are AMD's, and PyPI's"]),
        ({"node": {"gpu": "Intel Max", "gpus": 6}, "gpus": 1}, ["the GPUs are Intel's, and"]),
        ({"node": {"gpu": "AMD MI250X", "gpus": 8}}, []),
        ({"node": {"gpu": "NVIDIA A100", "gpus": 4}, "gpus": 1}, []),
    ],
)
def test_a_dry_run_tells_where_the_trainer_cannot_run(
    keys: dict[str, Any], notes: list[str]
) -> None:
    content = {"scheduler": "slurm", **keys}
    site = Site("here", SiteProfile.model_validate(content), (Path("here.yaml"),), (content,))
    told = advice(site, choose(site, {}).profile, Path("/project"))
    assert [note[: len(start)] for note, start in zip(told, notes, strict=True)] == notes


@pytest.fixture
def image(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    runtime = tmp_path / "bin" / "apptainer"
    runtime.parent.mkdir()
    runtime.write_text(RUNTIME)
    runtime.chmod(0o755)
    monkeypatch.setenv("PATH", f"{runtime.parent}{os.pathsep}{os.environ['PATH']}")
    (tmp_path / "an image.sif").touch()
    return tmp_path / "an image.sif"


def changes(standin: StandIn, image: Path) -> dict[str, Any]:
    asked = standin.changes(cores=1)
    asked["site"]["trainer"] = {**asked["site"].get("trainer", {}), "container": str(image)}
    return asked


def test_sites_test_proves_that_the_trainer_is_in_its_container(
    project: Project, standin: StandIn, image: Path
) -> None:
    found = wait(project, start(project, "local", changes=changes(standin, image))).found
    assert found is not None
    assert (found["problems"], found["container"]) == ([], str(image))


def test_an_image_that_is_gone_is_told(project: Project, standin: StandIn, image: Path) -> None:
    test = start(project, "local", changes=changes(standin, image.with_name("gone.sif")))
    with pytest.raises(HpctrainError, match=r"printed last: FATAL: .*could not open image"):
        wait(project, test, visible_s=0.5)
