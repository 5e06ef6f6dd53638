"""Files of a practice cluster that are damaged, or are no files: the other jobs are shown."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

import pytest

from hpctrain.identity import identity
from hpctrain.schedulers.local_queue.state import write
from hpctrain.schedulers.practice_cluster.pbs import main as pbs
from hpctrain.schedulers.practice_cluster.slurm import main as slurm
from hpctrain.schedulers.slurm.scheduler import SlurmScheduler

CONTENTS = [
    "", "[]", "null", '{"name": "x', "\xff", "[" * 100_000, '{"state": [], "name": 3}',
    '{"started": NaN, "ended": 1e400}', '{"submitted": 1e300}', '{"facts": {"lists": 3}}',
    '{"supervisor": {"pid": "x"}, "facts": {"limit_s": "x", "partition": {}}}',
]  # fmt: skip
RECORDS = ("job.json", "running.json", "ended.json", "stopping.json")
FACTS: dict[str, dict[str, Any]] = {
    "slurm": {"partition": "cpu", "comment": "c", "cores": 1, "nodes": 1, "limit_s": 60.0},
    "pbs": {
        "queue": "workq", "user": "root", "words": "", "cwd": "/", "never": "", "vnodes": "",
        "attributes": {}, "variables": {"HPCTRAIN_TOKEN": "t"}, "letters": {"N": "j"},
        "lists": {"ncpus": "1", "select": "1:ncpus=1"},
    },
}  # fmt: skip


def cluster(folder: Path, kind: str) -> Path:
    """A cluster with two jobs that are over."""
    now = time.time()
    for number in ("1", "2"):
        job = folder / "jobs" / number
        job.mkdir(parents=True)
        record = {"name": f"j{number}", "comment": "c", "walltime_s": 60.0, "cwd": "/", "moves": []}
        record |= {"submitted": now, "supervisor": identity(os.getpid()), "facts": FACTS[kind]}
        write(job / "job.json", record)
        write(job / "running.json", {"started": now, "monotonic": 1.0, "group": 1, "session": 1})
        end = {"state": "COMPLETED", "reason": "", "elapsed_s": 1.0, "exit_code": 0, "ended": now}
        write(job / "ended.json", end)
    return folder


def damage(path: Path, content: str | int) -> None:
    path.unlink(missing_ok=True)
    if content == 0:
        os.mkfifo(path)
    elif content == 1:
        path.symlink_to("/dev/zero")
    elif content == 2:
        path.mkdir()
    else:
        path.write_text(str(content), encoding="latin-1")


@pytest.mark.parametrize("name", RECORDS)
@pytest.mark.parametrize("kind", ["slurm", "pbs"])
def test_one_bad_file_hides_no_other_job(
    kind: str, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if kind == "slurm":
        asked = [SlurmScheduler().queue_argv(), SlurmScheduler().accounting_argv(0.0)]
    else:
        asked = [
            ["qstat", "-x", "-f", "-F", "json"],
            ["qstat", "-x"],
            ["pbsnodes", "-a", "-F", "json"],
        ]
    main = slurm.main if kind == "slurm" else pbs.main
    whole = cluster(tmp_path / "whole", kind)
    for content in (*CONTENTS, 0, 1, 2):
        here = tmp_path / "here"
        shutil.copytree(whole, here)
        damage(here / "jobs" / "2" / name, content)
        for argv in asked:
            assert main(here, argv[0], argv[1:]) == 0, (argv, content)
            out = capsys.readouterr().out
            assert "j1" in out or argv[0] == "pbsnodes"
        shutil.rmtree(here)


@pytest.mark.parametrize("name", ["client", "queues", "late", "jobs/2/comment"])
def test_settings_that_are_no_files_are_not_waited_for(name: str, tmp_path: Path) -> None:
    here = cluster(tmp_path / "here", "pbs")
    for content in (0, 1):
        damage(here / name, content)
        assert pbs.main(here, "qstat", ["-x", "-f"]) == 0
