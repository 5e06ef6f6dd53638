"""What a site requires and refuses, and the dialects that profiles may name."""

from __future__ import annotations

from typing import Any

import pytest

from hpctrain.errors import HpctrainError
from hpctrain.schedulers.base import JobRequest
from hpctrain.schedulers.pbs.scheduler import PbsScheduler
from hpctrain.schedulers.slurm.scheduler import SlurmScheduler
from hpctrain.sites.profile import SiteProfile

JOB = JobRequest("name", "comment", "out")


def head(scheduler: str, **keys: Any) -> list[str]:
    site = SiteProfile.model_validate({"scheduler": scheduler, **keys})
    return {"slurm": SlurmScheduler(), "pbs": PbsScheduler()}[scheduler].directives(site, JOB)


def refusal(scheduler: str, **keys: Any) -> HpctrainError:
    with pytest.raises(HpctrainError) as caught:
        head(scheduler, **keys)
    return caught.value


def test_what_slurm_sites_require() -> None:
    needs = {"required_directives": ["-N", "--ntasks", "-t", "--partition"]}
    error = refusal("slurm", **needs, nodes=1)
    assert error.message == "this site refuses jobs without: --ntasks, -t, --partition"
    assert "set site.tasks and site.walltime and site.partition with --set" in (error.hint or "")
    head("slurm", **needs, nodes=1, tasks=1, walltime="01:00:00", partition="p")
    head("slurm", **needs, nodes=1, extra_directives=["-n 1", "-t 60", "-p p"])


@pytest.mark.parametrize(
    ("keys", "line"),
    [
        ({"memory": "4G"}, "--mem=4G"),
        ({"gpus": 1}, "--gres=gpu:1"),
        ({"extra_directives": ["-c 4"]}, "-c 4"),
    ],
)
def test_what_slurm_sites_refuse(keys: dict[str, Any], line: str) -> None:
    forbidden = ["--mem", "--gres", "--cpus-per-task"]
    error = refusal("slurm", forbidden_directives=forbidden, **keys)
    assert error.message.startswith("this site refuses jobs with --")
    assert error.message.endswith(f", and the script says: {line}")
    head("slurm", forbidden_directives=forbidden, memory="4G", memory_style="mem-per-cpu")


def test_what_pbs_sites_require_and_refuse() -> None:
    needs = {"required_directives": ["-A", "-l filesystems", "-l walltime", "-l select"]}
    error = refusal("pbs", **needs, account="a", walltime="01:00:00")
    assert error.message == "this site refuses jobs without: -l filesystems, -l select"
    assert "site.resources.filesystems and site.cores" in (error.hint or "")
    head("pbs", **needs, account="a", walltime="01:00:00", cores=1, resources={"filesystems": "h"})
    assert refusal("pbs", forbidden_directives=["-A"], account="a").message == (
        "this site refuses jobs with -A, and the script says: -A a"
    )


def test_requeue_never() -> None:
    assert "--no-requeue" in head("slurm", requeue="never")
    assert "--no-requeue" not in head("slurm")
    error = refusal("slurm", requeue="never", continuation="requeue")
    assert error.message == "continuation: requeue contradicts requeue: never"


@pytest.mark.parametrize(
    ("keys", "select"),
    [
        ({"gpu_dialect": "pbs-select-ngpus", "cores": 8}, "-l select=1:ncpus=8:ngpus=1"),
        ({"gpu_dialect": "pbs-implicit", "cores": 8}, "-l select=1:ncpus=8"),
        ({"gpu_dialect": "pbs-node-type", "chunk": {"node_type": "mi300a"}},
         "-l select=1:node_type=mi300a"),
        ({"gpu_dialect": "pbs-l-ngpus", "resource_style": "flat", "cores": 12}, "-l ngpus=1"),
    ],
)  # fmt: skip
def test_pbs_gpu_dialects(keys: dict[str, Any], select: str) -> None:
    assert select in head("pbs", gpus=1, **keys)


@pytest.mark.parametrize(
    ("scheduler", "keys", "words"),
    [
        ("slurm", {"gpu_dialect": "pbs-implicit", "gpus": 1}, "pbs-implicit is for PBS"),
        ("pbs", {"gpu_dialect": "gres", "gpus": 1}, "gpu_dialect: gres is for Slurm"),
        ("pbs", {"gpu_dialect": "pbs-l-ngpus"}, "goes with resource_style: flat"),
        ("pbs", {"gpu_dialect": "pbs-select-ngpus", "resource_style": "flat"},
         "goes with resource_style: select"),
        ("pbs", {"gpu_dialect": "pbs-node-type"}, "needs the node's type"),
        ("slurm", {"memory_style": "forbidden", "memory": "1G"},
         "memory: 1G contradicts memory_style: forbidden"),
        ("pbs", {"memory_style": "forbidden", "memory": "1G"},
         "memory: 1G contradicts memory_style: forbidden"),
    ],
)  # fmt: skip
def test_what_contradicts_itself(scheduler: str, keys: dict[str, Any], words: str) -> None:
    assert words in refusal(scheduler, **keys).message
