"""The project's lock: one at a time, whoever dies, on file systems that know no flock."""

from __future__ import annotations

import errno
import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from waiting import wait_for

from hpctrain.runs import lock
from hpctrain.runs.lock import Locked, hold_lock

COUNT = """
import sys
from pathlib import Path
from hpctrain.runs.lock import hold_lock
counter = Path(sys.argv[1]) / "counter"
for _ in range(int(sys.argv[2])):
    with hold_lock(Path(sys.argv[1]), "count"):
        number = int(counter.read_text())
        counter.write_text(str(number + 1))
"""
HOLD = """
import sys, time
from pathlib import Path
from hpctrain.runs.lock import hold_lock
with hold_lock(Path(sys.argv[1]), "hold"):
    Path(sys.argv[1], "held").touch()
    time.sleep(1000)
"""


def test_processes_count_together(tmp_path: Path) -> None:
    (tmp_path / "counter").write_text("0")
    argv = [sys.executable, "-c", COUNT, str(tmp_path), "40"]
    children = [subprocess.Popen(argv) for _ in range(4)]
    assert [child.wait(120) for child in children] == [0] * 4
    assert (tmp_path / "counter").read_text() == "160"
    # What is left is one record, whatever the number of turns.
    assert len(list((tmp_path / ".lock").iterdir())) == 1


def test_nobody_enters_while_it_is_held(tmp_path: Path) -> None:
    with hold_lock(tmp_path, "submit"):
        with pytest.raises(Locked) as held, hold_lock(tmp_path, "collect", wait_s=0.2):
            pytest.fail("two at once")
        assert f"'submit' (process {os.getpid()} on {os.uname().nodename})" in str(held.value)
        assert held.value.exit_code == 1
    with hold_lock(tmp_path, "collect", wait_s=0.0):
        pass


def test_an_error_releases_it(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), hold_lock(tmp_path, "submit"):
        raise ZeroDivisionError
    with hold_lock(tmp_path, "submit", wait_s=0.0):
        pass


@pytest.fixture
def killed_holder(tmp_path: Path) -> int:
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(tmp_path)])
    wait_for((tmp_path / "held").exists, 30, "the lock to be held")
    child.send_signal(signal.SIGKILL)
    child.wait()
    return child.pid


def test_a_dead_holder_is_named_and_followed(tmp_path: Path, killed_holder: int) -> None:
    said: list[str] = []
    with hold_lock(tmp_path, "status", wait_s=0.0, say=said.append):
        pass
    name = os.uname().nodename
    assert said == [
        f"taking over the lock of 'hold' (process {killed_holder} on {name}), which has died"
    ]


def test_one_takes_over(tmp_path: Path, killed_holder: int) -> None:
    """Many find the dead holder at once: they follow each other all the same."""
    (tmp_path / "counter").write_text("0")
    argv = [sys.executable, "-c", COUNT, str(tmp_path), "10"]
    children = [subprocess.Popen(argv) for _ in range(4)]
    assert [child.wait(120) for child in children] == [0] * 4
    assert (tmp_path / "counter").read_text() == "40"


def holder(folder: Path, **changes: object) -> Path:
    """A record as another process would have left it."""
    record = {"host": "login2", "boot": "another", "pid": 7, "start": "12", "command": "submit"}
    (folder / ".lock").mkdir()
    path = folder / ".lock" / "41"
    path.write_text(json.dumps({**record, "time": time.time(), **changes}))
    return path


def test_a_holder_on_another_machine_is_waited_for(tmp_path: Path) -> None:
    path = holder(tmp_path)
    said: list[str] = []
    with (
        pytest.raises(Locked, match=r"'submit' \(process 7 on login2\)"),
        hold_lock(tmp_path, "status", wait_s=0.2, say=said.append),
    ):
        pytest.fail("it may be alive")
    assert said == ["waiting for 'submit' (process 7 on login2)"]
    assert path.exists()


def test_a_holder_elsewhere_is_dead_after_long(tmp_path: Path) -> None:
    path = holder(tmp_path)
    long_ago = time.time() - lock.ELSEWHERE_S - 60
    os.utime(path, (long_ago, long_ago))
    with hold_lock(tmp_path, "status", wait_s=0.0):
        assert not path.exists()


def test_a_clock_that_was_set_back(tmp_path: Path) -> None:
    """The time in a record decides nothing: machines disagree about the time."""
    for written in (0.0, time.time() + 1e6):
        folder = tmp_path / str(written)
        folder.mkdir()
        holder(folder, time=written)
        with pytest.raises(Locked), hold_lock(folder, "status", wait_s=0.1):
            pytest.fail("it may be alive")


def test_this_number_is_another_process_now(tmp_path: Path) -> None:
    """The holder's number was given anew: this process has it, and is not the holder."""
    path = holder(tmp_path, host=os.uname().nodename, pid=os.getpid(), start="1")
    with hold_lock(tmp_path, "status", wait_s=0.0):
        assert not path.exists()


@pytest.mark.parametrize("text", ["", "{", '{"host": "vm"', "null", "[]", '{"pid": 1}'])
def test_a_torn_record(tmp_path: Path, text: str) -> None:
    """It tells nothing, so it is waited for, and outlived."""
    path = holder(tmp_path)
    path.write_text(text)
    with pytest.raises(Locked), hold_lock(tmp_path, "status", wait_s=0.1):
        pytest.fail("its holder may be alive")
    long_ago = time.time() - lock.ELSEWHERE_S - 60
    os.utime(path, (long_ago, long_ago))
    with hold_lock(tmp_path, "status", wait_s=0.0):
        pass


def test_a_latecomer_steps_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who took an old number, because it was free again, sees the higher one and waits."""
    with hold_lock(tmp_path, "first"), locked_free(tmp_path):
        stale = iter([1])
        real = lock._highest
        with monkeypatch.context() as patch:
            patch.setattr(lock, "_highest", lambda folder: next(stale, None) or real(folder))
            with pytest.raises(Locked), hold_lock(tmp_path, "late", wait_s=0.1):
                pytest.fail("two at once")


class locked_free:  # noqa: N801  reads as what it is
    """The holder's record under a higher number, and the low ones free again."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / ".lock"

    def __enter__(self) -> None:
        (self.folder / "1").rename(self.folder / "3")

    def __exit__(self, *_: object) -> None:
        (self.folder / "3").rename(self.folder / "1")


def test_the_answer_to_link_gets_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS repeats a link that was made, and says that the name is taken: by us."""
    real = os.link

    def link(source: Path, target: Path) -> None:
        real(source, target)
        raise FileExistsError(target)

    monkeypatch.setattr(os, "link", link)
    with hold_lock(tmp_path, "submit", wait_s=0.0):
        pass


def test_no_room_to_release_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch, hold_lock(tmp_path, "submit"):
        patch.setattr(Path, "write_text", full)
    with hold_lock(tmp_path, "status", wait_s=0.0):
        pass
