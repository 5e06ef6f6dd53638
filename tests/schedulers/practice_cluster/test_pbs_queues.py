"""qstat -Q and pbsnodes of the practice PBS, beside those of the real one."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED

OF_PBS = RECORDED / "pbs"


def practice(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-m", "hpctrain.schedulers.practice_cluster", str(folder), *words]
    return subprocess.run(argv, capture_output=True, text=True, timeout=60)


def recorded(name: str) -> Any:
    return json.loads((OF_PBS / f"{name}.out").read_text().replace("pbsnode", "practice"))


@pytest.mark.parametrize(("name", "key"), [("qstat_Q_json", "Queue"), ("pbsnodes_json", "nodes")])
def test_as_recorded(name: str, key: str, tmp_path: Path) -> None:
    """All but what jobs that were there then had, and the memory, which is not imitated."""
    words = (OF_PBS / f"{name}.cmd").read_text().split()
    reply = practice(tmp_path, *words)
    assert (reply.returncode, reply.stderr) == (0, "")
    answer, theirs = json.loads(reply.stdout), recorded(name)
    assert set(answer) == set(theirs)
    assert list(answer[key]) == list(theirs[key])
    for thing, facts in answer[key].items():
        real = theirs[key][thing]
        changing = {"total_jobs", "state_count", "resources_assigned"}
        for fact in set(facts) - changing:
            expected = real[fact]
            if fact == "resources_available":
                expected = {k: v for k, v in expected.items() if k != "mem"}
            assert facts[fact] == expected, f"{thing} {fact}"
        assert ("resources_max" in facts) == ("resources_max" in real)


def test_as_recorded_when_the_server_is_down(tmp_path: Path) -> None:
    (tmp_path / "down").touch()
    reply = practice(tmp_path, "pbsnodes", "-a", "-F", "json")
    refusal = (OF_PBS / "down_pbsnodes.err").read_text().replace("pbsnode,", "practice,")
    assert (reply.returncode, reply.stdout, reply.stderr) == (1, "", refusal)
    assert practice(tmp_path, "qstat", "-Q", "-f", "-F", "json").returncode == 255


def test_other_questions_are_not_imitated(tmp_path: Path) -> None:
    assert practice(tmp_path, "qstat", "-Q").returncode == 2
    assert practice(tmp_path, "pbsnodes", "-l").returncode == 2
