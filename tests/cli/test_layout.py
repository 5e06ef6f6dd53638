"""Tables and text that fit a terminal, and are whole where there is none."""

from __future__ import annotations

import io
from typing import Any

import pytest

from hpctrain.cli.terminal.layout import NO_BREAK, Column, fit_table, width_of, wrap
from hpctrain.cli.terminal.tables import status_table
from hpctrain.runs.actions.status import RunStatus

COLUMNS = (Column("NAME"), Column("A", leaves=1), Column("B", leaves=2), Column("SAID", least=8))
ROWS = [["one", "aaaa", "bbbb", "a few words more than there is room for"], ["two", "a", "b", ""]]


def widest(text: str) -> int:
    return max(map(len, text.splitlines()))


def test_a_table_is_whole_where_there_is_no_terminal() -> None:
    assert width_of(io.StringIO()) is None
    assert fit_table(COLUMNS, ROWS).splitlines() == [
        "NAME  A     B     SAID",
        "one   aaaa  bbbb  a few words more than there is room for",
        "two   a     b",
    ]


@pytest.mark.parametrize(
    ("width", "head"),
    [(60, "NAME A B SAID"), (30, "NAME A B SAID"), (22, "NAME B SAID"), (15, "NAME SAID")],
)
def test_columns_leave_in_their_order_and_words_wrap(width: int, head: str) -> None:
    text = fit_table(COLUMNS, ROWS, width)
    first, *others = text.splitlines()
    assert first.split() == head.split()
    assert widest(text) <= width
    column = first.index("SAID")
    words = " ".join(line[column:] for line in others).split()
    assert words == ROWS[0][3].split()  # none is lost


def test_text() -> None:
    long = "warning: " + "word " * 30
    assert wrap(long, None) == long
    assert widest(wrap(long, 60)) <= 60
    assert wrap(long, 60).splitlines()[1].startswith("  word")
    path = "x" * 100
    assert path in wrap(f"file {path}", 60)  # a path can be copied
    pairs = ", ".join(f"kind{NO_BREAK}{n}" for n in range(30))
    assert {line[-1] for line in wrap(pairs, 60).splitlines()} <= {",", "9"}
    assert wrap(pairs, None).startswith("kind 0, kind 1,")


def run(state: str = "running", **changes: Any) -> RunStatus:
    errors = {"rmse_energy_mev_per_atom": 1025.32, "rmse_force_ev_per_a": 0.03124}
    given = {
        "run_id": "20261123-183845-b151", "site": "mycluster", "job_id": "4500123",
        "state": state, "since": "2026-01-01T10:00:00+00:00", "reason": "", "attempt": 1,
        "iteration": 1000, "max_iter": 1000, "train": errors, "test": errors, "eta_s": 7500.0,
    }  # fmt: skip
    return RunStatus(**{**given, **changes})


STATES = [
    [run(), run("submitting"), run("completed", eta_s=None)],
    [run("out_of_memory"), run("running", phase="evaluate")],
    [run("unknown", before="running", reason="the queue does not answer " * 5)],
]


@pytest.mark.parametrize("runs", STATES)
@pytest.mark.parametrize("width", [60, 80, 100, 120])
def test_the_status_fits(runs: list[RunStatus], width: int) -> None:
    text = status_table(runs, width)
    assert widest(text) <= width
    table = text.partition("\n\n")[0]
    assert table.count("1000/1000") + table.count("1000 / 1000") == len(runs)
    assert table.count("1025/0.031") + table.count("1025 / 0.0312") == 2 * len(runs)
    assert "2 h 05 min" in table or runs[0].eta_s is None
    assert ("SINCE" in table) == (width > 80)
    assert "4500123" not in table or width > 100


def test_the_status_is_whole_in_a_pipe() -> None:
    for runs in STATES:
        lines = status_table(runs).splitlines()
        assert lines[0].split() == [
            "RUN",
            "SITE",
            "JOB",
            "STATE",
            "SINCE",
            "ITERATION",
            "TRAIN",
            "TEST",
            "LEFT",
        ]
        assert lines[1].endswith("1000 / 1000  1025 / 0.0312  1025 / 0.0312  2 h 05 min")
        assert all(not line.startswith(" ") for line in lines)


def test_the_legend_says_whose_errors_these_are() -> None:
    text = " ".join(status_table([run()], 80).split())
    assert "of the potential that is kept, the one with the lowest test loss so far" in text
