"""The files that a job leaves: whole or absent."""

from __future__ import annotations

import errno
import json
import os
import threading
import time
from hashlib import sha256
from pathlib import Path

import pytest
from waiting import wait_for

from hpctrain.job import evidence


def full(_: int) -> None:
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_claim_is_taken_once(tmp_path: Path) -> None:
    path = tmp_path / "claim.json"
    assert evidence.claim(str(path), {"pid": 1})
    assert not evidence.claim(str(path), {"pid": 2})
    assert json.loads(path.read_text()) == {"pid": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["claim.json"]


def test_a_claim_is_a_link_to_a_whole_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    link, seen = os.link, []

    def watched(source: str, target: str) -> None:
        seen.append((json.loads(Path(source).read_text()), Path(target).exists()))
        link(source, target)

    monkeypatch.setattr(os, "link", watched)
    assert evidence.claim(str(tmp_path / "claim.json"), {"pid": 1})
    assert seen == [({"pid": 1}, False)]


def test_a_claim_whose_answer_got_lost(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """NFS asks again, and is told that the name is taken: by itself."""
    link = os.link

    def twice(source: str, target: str) -> None:
        link(source, target)
        link(source, target)

    monkeypatch.setattr(os, "link", twice)
    assert evidence.claim(str(tmp_path / "claim.json"), {"pid": 1})
    assert not evidence.claim(str(tmp_path / "claim.json"), {"pid": 2})


def test_a_full_disk_leaves_the_file_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "result.json"
    evidence.write_json(str(path), {"n": 1})
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        evidence.write_json(str(path), {"n": 2})
    with pytest.raises(OSError, match="No space"):
        evidence.claim(str(tmp_path / "claim.json"), {"n": 2})
    assert json.loads(path.read_text()) == {"n": 1}
    assert [path.name for path in tmp_path.iterdir()] == ["result.json"]


def test_a_heartbeat_goes_on_over_a_full_disk_and_a_clock_set_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "heartbeat.json"
    threads = threading.active_count()

    def beats() -> int:
        return int(json.loads(path.read_text())["beats"])

    with evidence.Heartbeat(str(path), 0.01) as heartbeat:
        heartbeat.enter("train")
        assert json.loads(path.read_text())["phase"] == "train"
        with monkeypatch.context() as patch:
            patch.setattr(os, "fsync", full)
            stuck = beats()
            heartbeat.enter("finish")
            assert (beats(), json.loads(path.read_text())["phase"]) == (stuck, "train")
        wait_for(lambda: beats() > stuck, 5, "a beat after the disk was full")
        assert json.loads(path.read_text())["phase"] == "finish"
        past = time.time() - 1e6
        monkeypatch.setattr(time, "time", lambda: past)
        now = beats()
        wait_for(lambda: beats() > now + 1, 5, "a beat after the clock was set back")
        assert json.loads(path.read_text())["time"] == past
    assert threading.active_count() == threads
    assert [path.name for path in tmp_path.iterdir()] == ["heartbeat.json"]


@pytest.mark.parametrize(
    "content", ["", "[]", "[" * 100_000, '{"a": ' * 100_000, '{"a": 1', "x" * (5 << 20)]
)
def test_a_damaged_file_says_nothing(tmp_path: Path, content: str) -> None:
    path = tmp_path / "claim.json"
    path.write_text(content)
    assert evidence.read_json(path) == {}


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "link").symlink_to("/dev/zero")
    for name in ("fifo", "link", ".", "nothing"):
        assert evidence.read_json(tmp_path / name) == {}


def test_a_folder_has_a_sum_of_names_and_contents(tmp_path: Path) -> None:
    """Where it lies and in which order it was written does not matter."""
    for copy, names in (("a", ["x.pb", "variables/y"]), ("b", ["variables/y", "x.pb"])):
        for name in names:
            file = tmp_path / copy / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(name)
    facts = evidence.facts_of(tmp_path / "a")
    assert facts == evidence.facts_of(tmp_path / "b")
    assert facts["bytes"] == len("x.pbvariables/y")
    listing = f"{sha256(b'variables/y').hexdigest()}  variables/y\n"
    listing += f"{sha256(b'x.pb').hexdigest()}  x.pb\n"
    assert facts["sha256"] == sha256(listing.encode()).hexdigest()
    (tmp_path / "b/x.pb").rename(tmp_path / "b/z.pb")
    assert facts["sha256"] != evidence.facts_of(tmp_path / "b")["sha256"]
    file = evidence.facts_of(tmp_path / "a/x.pb")
    assert file == {"sha256": sha256(b"x.pb").hexdigest(), "bytes": 4}
