"""Other programs: whatever they do, there is an answer within the time, and Ctrl-C is heard."""

from __future__ import annotations

import os
import signal
import sys
import threading
from pathlib import Path
from typing import Any

import pytest
from waiting import wait_for

from hpctrain import process
from hpctrain.interrupts import hold_interrupts
from hpctrain.process import Worker, WorkerLost, run


def shell(lines: str, **options: float) -> process.Reply:
    return run(["bash", "-c", lines], **options)


def test_what_it_leaves_behind_may_hold_its_pipes_open(tmp_path: Path) -> None:
    """As a shared ssh connection does, that a wrapper of sbatch has opened."""
    left = tmp_path / "left"
    reply = shell(f"setsid sleep 1000 & echo $! >{left}; echo 123; exit 3", time_limit_s=30)
    os.kill(int(left.read_text()), signal.SIGKILL)
    assert (reply.code, reply.out, reply.err, reply.problem) == (3, "123\n", "", None)


def test_what_comes_a_moment_after_the_end_is_read() -> None:
    reply = shell("exec > >(sleep 0.05; cat; echo more); echo first")
    assert reply.out == "first\nmore\n"


def test_one_that_closes_its_output_is_waited_for() -> None:
    assert shell("exec >&- 2>&-; sleep 0.1; exit 7").code == 7


def test_one_that_does_not_end_is_killed() -> None:
    reply = shell("echo something; sleep 1000", time_limit_s=0.2)
    assert (reply.code, reply.out) == (None, "something\n")
    assert reply.problem == "bash: no answer in 0.2 s"


def test_output_without_end_is_no_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(process, "MOST_BYTES", 3_000_000)
    reply = shell("yes", time_limit_s=60)
    assert (reply.code, reply.problem) == (None, "bash: more than 3 MB of output")
    assert 3_000_000 < len(reply.out) < 6_000_000


def test_text() -> None:
    reply = shell(r"printf 'a\r\nb\377\n'; kill -9 $$")
    assert (reply.out, reply.code) == ("a\nb\N{REPLACEMENT CHARACTER}\n", 137)


@pytest.mark.slow
def test_ctrl_c_kills_the_program(tmp_path: Path) -> None:
    began, ended = tmp_path / "began", tmp_path / "ended"

    def press() -> None:
        wait_for(began.exists, 30, "the program to begin")
        os.kill(os.getpid(), signal.SIGINT)

    thread = threading.Thread(target=press)
    thread.start()
    with pytest.raises(KeyboardInterrupt):
        shell(f"touch {began}; sleep 1000; touch {ended}")
    thread.join()
    assert not ended.exists()
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_ctrl_c_while_it_ends_does_not_lose_its_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    """The program has ended: its number may be another's already, and its answer is known."""
    follow, replies = process._follow, []

    def pressed_at_the_end(*arguments: Any) -> str | None:
        problem = follow(*arguments)
        os.kill(os.getpid(), signal.SIGINT)
        return problem

    monkeypatch.setattr(process, "_follow", pressed_at_the_end)
    with pytest.raises(KeyboardInterrupt), hold_interrupts():
        replies.append(shell("echo 123"))
    assert [reply.out for reply in replies] == ["123\n"]


def test_after_ctrl_c_nothing_begins(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), hold_interrupts():
        os.kill(os.getpid(), signal.SIGINT)
        shell(f"touch {tmp_path}/begun")
    assert not (tmp_path / "begun").exists()


def test_elsewhere_than_in_the_main_thread_nothing_is_held_back() -> None:
    said: list[str] = []
    thread = threading.Thread(target=lambda: said.append(shell("echo here").out))
    thread.start()
    thread.join()
    assert said == ["here\n"]


# --- workers ---

_ANSWERING = "from hpctrain.process import answer_each; answer_each({})"


def _worker(answer: str) -> Worker:
    return Worker([sys.executable, "-c", _ANSWERING.format(answer)])


def test_a_worker_answers_each_object() -> None:
    worker = _worker("lambda value: [value, len(value)]")
    try:
        for value in ("ab", b"\0" * 3_000_000, [1, 2, 3]):
            worker.send(value)
            assert worker.receive() == [value, len(value)]
    finally:
        worker.stop()
    assert worker.ended


def test_a_worker_that_fails_is_lost_and_says_nothing(capfd: pytest.CaptureFixture[str]) -> None:
    worker = _worker("lambda value: 1 / value")
    try:
        worker.send(2)
        assert worker.receive() == 0.5
        worker.send(0)
        with pytest.raises(WorkerLost):
            worker.receive()
        with pytest.raises(WorkerLost):
            for _ in range(100):
                worker.send(b"\0" * 3_000_000)
    finally:
        worker.stop()
    assert capfd.readouterr().err == ""


def test_a_worker_that_cannot_be_started_is_lost(tmp_path: Path) -> None:
    with pytest.raises(WorkerLost):
        Worker([str(tmp_path / "nothing")])
