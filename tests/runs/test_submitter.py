"""Whether whoever asks is the one who submitted."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest

from hpctrain.runs.history import fold
from hpctrain.runs.submitter import Submitter, is_same_cluster, name_of, owned_by, stranger

ADA = Submitter(1001, "ada", "login1", "a")
BEN = replace(ADA, uid=1002, user="ben")


@pytest.mark.parametrize(
    ("submitter", "asks", "words"),
    [
        (ADA, ADA, None),
        (ADA, replace(ADA, host="login2"), None),  # one cluster has several
        (ADA, BEN, "you are ben, and ada submitted it"),
        (ADA, replace(ADA, cluster="b"), "this is the cluster b, and it was submitted on a"),
        (ADA, replace(ADA, cluster=None), "cannot be found out"),
        # Of an older version: the machine is all that is known.
        (Submitter(), ADA, None),
        (Submitter(host="login1"), ADA, None),
        (Submitter(host="login1"), replace(ADA, cluster=None), None),
        (Submitter(host="login2"), ADA, "the name of the cluster was not recorded"),
        (Submitter(1001, host="login1"), BEN, "you are ben, and 1001 submitted it"),
    ],
)
def test_stranger(submitter: Submitter, asks: Submitter, words: str | None) -> None:
    said = stranger(submitter, asks)
    assert (said is None) == (words is None)
    assert (words or "") in (said or "")


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("master", "master", True),
        ("master", "master.cluster.example.org", True),
        ("Master.cluster", "master", True),
        ("master", "master2", False),
        ("gpu", "serial", False),
    ],
)
def test_a_server_with_or_without_its_domain(one: str, other: str, same: bool) -> None:
    assert is_same_cluster(one, other) is is_same_cluster(other, one) is same


def test_the_owner_of_a_file_stands_in_for_a_user_who_was_not_recorded(tmp_path: Path) -> None:
    file = tmp_path / "run.json"
    file.touch()
    assert owned_by(Submitter(host="h"), file).uid == os.getuid()
    assert owned_by(ADA, file) == ADA
    assert owned_by(Submitter(), tmp_path / "gone") == Submitter()
    assert name_of(2**31 - 7) == str(2**31 - 7)


def test_what_events_tell_of_it() -> None:
    facts = {"attempt": 1, "user": "ada", "uid": 1001, "cluster": "a"}
    events = [
        {"event": "prepared", "host": "login1", **facts, "cluster": None},
        {"event": "submitting", "host": "login1", **facts},
        {"event": "submitted", "job_id": "7", **facts, "cluster": "gpu", "clusters": "gpu"},
        {"event": "seen", "attempt": 1, "job_id": "7"},
    ]
    assert fold(events[:1]).unfinished
    history = fold(events)
    assert history.submitter == replace(ADA, cluster="gpu")
    assert (history.clusters, history.seen, history.unfinished) == ("gpu", {1}, False)
    older = fold([{"event": "submitted", "attempt": 1, "job_id": "7"}])
    assert (older.submitter, older.seen) == (Submitter(), set())
