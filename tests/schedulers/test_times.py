"""Durations, read and written as Slurm and PBS do."""

from __future__ import annotations

import pytest

from hpctrain.schedulers.times import clock, seconds


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # Slurm: squeue, scontrol show partition, sacctmgr.
        ("0:46", 46), ("1:00:00", 3600), ("1-02:03:04", 93784), ("365-00:00:00", 31536000),
        ("UNLIMITED", None), ("INVALID", None), ("NONE", None), ("NOT_SET", None),
        # PBS: qstat -f, also of Torque.
        ("00:00:21", 21), ("100:00:01", 360001), ("05:00", 300), ("3600", 3600),
        ("1:00:00:00", 86400),
        ("", None), (None, None), ("forever", None), ("-1", None), ("1-", None), ("1-5", None),
        ("1:", None), (":1", None), ("1.5", None),
    ],
)  # fmt: skip
def test_seconds(text: str | None, expected: int | None) -> None:
    assert seconds(text) == expected


@pytest.mark.parametrize(
    ("number", "text", "without_days"),
    [
        (0, "00:00:00", "00:00:00"),
        (59.6, "00:01:00", "00:01:00"),
        (86399, "23:59:59", "23:59:59"),
        (86400, "1-00:00:00", "24:00:00"),
        (604800, "7-00:00:00", "168:00:00"),
    ],
)
def test_clock(number: float, text: str, without_days: str) -> None:
    assert clock(number) == text
    assert clock(number, days=False) == without_days
    assert seconds(text) == seconds(without_days) == round(number)
