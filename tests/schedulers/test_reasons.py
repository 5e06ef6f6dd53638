"""Why jobs wait: every reason of Slurm's source and every comment of PBS's has a row."""

from __future__ import annotations

from pathlib import Path

import pytest
from paths import DOCS

from hpctrain.schedulers.pbs import comments
from hpctrain.schedulers.slurm import reasons
from hpctrain.schedulers.slurm.states import reason_of, state_of

HERE = Path(__file__).parent


def listed(name: str) -> list[str]:
    lines = (HERE / name).read_text().splitlines()
    return [line for line in lines if line and not line.startswith("#")]


def test_every_reason_of_slurm_has_one_row() -> None:
    names = listed("slurm_reasons.txt")
    assert len(names) > 200
    assert [name for name in names if name not in reasons.REASONS] == []
    rows = [name for row in reasons.ROWS for name in row.names]
    assert len(rows) == len(set(rows))


def test_what_one_job_alone_exceeds_never_runs() -> None:
    """No other job's end can let it run: the limits are for each job, or for each of its nodes."""
    for name in listed("slurm_reasons.txt"):
        alone = "PerJob" in name or "PerNode" in name or name.startswith("QOSMin")
        never = reasons.REASONS[name].kind == "never"
        assert never or not alone, name
        if never:
            assert reason_of("PENDING", name).startswith("it will never run: ")
            assert reasons.REASONS[name].change, name
            assert state_of("PENDING", name) == "queued"


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("AssocMaxWallDurationPerJobLimit",
         "it will never run: it asks for more time than one job may have here; shorten walltime "
         "(AssocMaxWallDurationPerJobLimit)"),
        ("QOSMaxCpuPerJobLimit",
         "it will never run: it asks for more cores than one job may have here; fewer cores "
         "(QOSMaxCpuPerJobLimit)"),
        ("InvalidAccount", "it will never run: the account is not valid; correct account"),
        ("QOSMaxCpuPerUserLimit",
         "the limit of the QOS is reached; it waits for your other jobs, or requests too much; "
         "sacctmgr show qos and sacctmgr show assoc tell the limits "
         "(QOSMaxCpuPerUserLimit)"),
        ("uid 7 not in group permitted to use this partition (gpu)",
         "it will never run: the partition does not take your jobs; another partition (uid 7 not "
         "in group permitted to use this partition (gpu))"),
        ("QOSMaxTapesPerJob", "it will never run: it asks for more of a resource than one job may "
         "have here; sacctmgr show qos and sacctmgr show assoc tell the limits "
         "(QOSMaxTapesPerJob)"),
        ("TheMoonIsFull", "TheMoonIsFull"),
        ("the moon is full", "the moon is full"),
    ],
)  # fmt: skip
def test_reasons_in_words(reason: str, words: str) -> None:
    assert reason_of("PENDING", reason) == words


@pytest.mark.parametrize(
    "reason",
    [
        "JobHeldUser", "JobHeldAdmin", "JobHoldMaxRequeue", "ReservationDeleted",
        "BurstBufferOperation", "job requeued in held state", "launch failed requeued held",
        "launch failure limit exceeded requeued held", "user env retrieval failed requeued held",
    ],
)  # fmt: skip
def test_what_is_held_by_any_means_is_held(reason: str) -> None:
    assert state_of("PENDING", reason) == "held"
    assert "held" in reason_of("PENDING", reason)


def test_a_node_called_held_holds_nothing() -> None:
    reason = "ReqNodeNotAvail, UnavailableNodes:held"
    assert state_of("PENDING", reason) == "queued"


def test_every_comment_of_pbs_has_a_row() -> None:
    for form in listed("pbs_comments.txt"):
        text = form.replace("%s", "x")
        said = comments.sentence(f"Not Running: {text}")
        assert said != text or text.startswith("Insufficient"), form
        never = comments.sentence(f"Can Never Run: {text}")
        assert never.startswith("it will never run: "), form
        assert text in never


def test_the_page_has_the_tables() -> None:
    """Print what the page must say with: pytest -k the_page_has_the_tables --tb=short."""
    page = (DOCS / "states.md").read_text().splitlines()
    missing = [line for line in [*slurm_table(), *pbs_table()] if line not in page]
    assert missing == [], "\n".join(missing)


def slurm_table() -> list[str]:
    states = {"waits": "`queued`", "never": "`queued`, it will never run", "held": "`held`"}
    return [
        f"| {', '.join(f'`{name}`' for name in row.names)} | {states[row.kind]} | "
        f"{'; '.join(filter(None, [row.words, row.change]))} |"
        for row in reasons.ROWS
        if row.kind != "ended"
    ]


def pbs_table() -> list[str]:
    return [f"| `{form.strip()}` | {words} |" for form, words in comments.WAITS]


if __name__ == "__main__":
    print("\n".join([*slurm_table(), "", *pbs_table()]))
