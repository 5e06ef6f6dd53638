"""The practice Slurm answers as the real one did: tests/recorded/slurm, every one of them."""

from __future__ import annotations

import contextlib
import re
import shlex
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from paths import RECORDED
from practice_slurm import Cluster
from slurm_fixture import Slurm
from waiting import wait_for

pytestmark = pytest.mark.slow

OF_SLURM = RECORDED / "slurm"
NAMES = sorted(path.stem for path in OF_SLURM.glob("*.cmd"))
# Recordings that are not imitated, and why.
NOT_IMITATED = {
    **{
        name: "the practice cluster does not describe itself"
        for name in NAMES
        if name.startswith("site-")
    },
    **{name: "--test-only is refused" for name in NAMES if name.startswith("try-")},
    "accounting-delimiter": "of a smaller cluster, with an array: practice-life-24 is its like",
    "queue": "of a smaller cluster, with an array: practice-life-23 is its like",
    "queue-running": "of a smaller cluster, with an array: practice-life-37 is its like",
    "env-noconf": "the practice cluster has no slurm.conf",
    "env-noconf-sbatch": "the practice cluster has no slurm.conf",
    "noacct-sacct": "the practice cluster keeps accounting",
    "queue-cluster": "there is one cluster: -M is refused",
    "refuse-account": "accounts are enforced: strict-account",
    "refuse-qos": "QOS are enforced: strict-qos",
    "strict-cores": "EnforcePartLimits=NO: submit-never",
    "strict-nodes": "EnforcePartLimits=NO: refuse-nodes",
    "strict-time": "EnforcePartLimits=NO: refuse-time-long",
    "strict-submit-limit": "there is no limit on the number of jobs",
    "submit-array": "arrays are refused",
    "submit-begin": "--begin is refused",
}
# Without jobs before them. Names that begin with down, or practice-down: the cluster is down.
ALONE = [name for name in NAMES if name not in NOT_IMITATED and "practice-" not in name] + [
    name for name in NAMES if name.startswith("practice-") and not name.startswith(
        ("practice-life-", "practice-timeout-", "practice-environment")
    )
    and name != "practice-down-sacct"
]  # fmt: skip
LIFE = [name for name in NAMES if name.startswith("practice-life-")]
OTHERS = ["practice-environment", "practice-timeout-queue", "practice-timeout-accounting"]

SEPARATOR = "\x1f"


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Cluster]:
    cluster = Cluster(tmp_path / "work", tmp_path / "cluster")
    yield cluster
    cluster.clear()


def words_of(name: str) -> list[str]:
    text = (OF_SLURM / f"{name}.cmd").read_text().replace("$'", "'").replace("\\037", SEPARATOR)
    return shlex.split(text)


def recorded(name: str) -> tuple[int, str, str]:
    err = OF_SLURM / f"{name}.err"
    return (
        int((OF_SLURM / f"{name}.rc").read_text()),
        (OF_SLURM / f"{name}.out").read_text(),
        err.read_text() if err.exists() else "",
    )


def without_ids(code: int, out: str, err: str) -> tuple[int, str, str]:
    """What of an answer does not depend on the moment: a new id, a port."""
    out = re.sub(r"^(Submitted batch job )?\d+$", r"\1ID", out.strip())
    return code, out, re.sub(r"127\.0\.0\.1:\d+", "HOST:PORT", err)


def test_every_recording_is_compared_or_named() -> None:
    assert sorted([*NOT_IMITATED, *ALONE, *LIFE, *OTHERS]) == NAMES


@pytest.mark.parametrize("name", ALONE)
def test_answers_as_recorded(cluster: Cluster, name: str) -> None:
    if name.startswith(("down-", "practice-down-")):
        (cluster.folder / "down").touch()
    reply = cluster.call(*words_of(name))
    ours, theirs = without_ids(*reply), without_ids(*recorded(name))
    if name == "practice-down-scancel-two":  # it asks for each in a thread of its own
        assert sorted(ours[2].splitlines()) == sorted(theirs[2].splitlines())
        ours, theirs = ours[:2], theirs[:2]
    assert ours == theirs


def rows(out: str) -> dict[str, list[str]]:
    lines = [re.split(rf"[{SEPARATOR}|]", line) for line in out.splitlines()]
    return {fields[0]: fields[1:] for fields in lines}


class Life:
    """A sequence of recorded commands, given again; ``ids`` is theirs to ours."""

    def __init__(self, cluster: Cluster) -> None:
        self.cluster = cluster
        self.ids: dict[str, str] = {}
        self.rows = 0

    def words(self, name: str) -> list[str]:
        words = words_of(name)
        # The real one rounds limits up to a minute; the practice cluster takes them as they are.
        words = ["--time=00:01:00" if word == "--time=00:00:05" else word for word in words]
        if words[0] in ("scancel", "scontrol"):
            return [self.ids.get(word, word) for word in words]
        return [
            re.sub(r"(?<=:)\d+", lambda m: self.ids.get(m[0], m[0]), word)
            if "dependency" in word
            else word
            for word in words
        ]

    def give(self, name: str) -> None:
        code, out, err = recorded(name)
        words = self.words(name)
        ours = self.cluster.call(*words)
        for theirs, own in self.ids.items():
            err = re.sub(rf"job {theirs}\b", f"job {own}", err)
        assert ours[0] == code, (name, ours)
        assert ours[2] == err, name
        if words[0] == "sbatch":
            assert without_ids(*ours)[1] == without_ids(code, out, "")[1], name
            if code == 0:
                number = out.split()[-1]
                self.ids[number] = ours[1].split()[-1]

    def same(self, name: str, mask: Callable[[dict[str, list[str]]], None]) -> None:
        """A list: the same rows, once what ends by itself has ended."""
        code, out, err = recorded(name)
        wanted = {self.ids.get(number, number): fields for number, fields in rows(out).items()}
        mask(wanted)

        def ours() -> dict[str, list[str]]:
            reply = self.cluster.call(*self.words(name))
            assert (reply[0], reply[2]) == (code, err)
            shown = rows(reply[1])
            mask(shown)
            return shown

        with contextlib.suppress(AssertionError):
            wait_for(lambda: ours() == wanted, 20, name)
        last = ours()
        assert last == wanted
        if name == "practice-life-23-queue":  # later, a release has changed the priorities
            assert list(last) == list(wanted)


def test_a_life_as_recorded(cluster: Cluster) -> None:
    life = Life(cluster)

    def at(column: int) -> Callable[[dict[str, list[str]]], None]:
        """Hide the running jobs' elapsed time."""

        def mask(shown: dict[str, list[str]]) -> None:
            for fields in shown.values():
                if len(fields) > column and fields[0] == "RUNNING":
                    fields[column] = "ELAPSED"
            # A hold of what can never run is refused by both; the real one holds it all the same.
            seven = shown.get(life.ids.get("7", "7"), [])
            if "JobHeldAdmin" in seven or "PartitionConfig" in seven:
                shown.pop(life.ids["7"])

        return mask

    for name in LIFE:
        step = name.removeprefix("practice-life-")[:2]
        refused = "Requested node configuration" in recorded(name)[2]
        if refused:  # it uses up an id all the same
            life.ids[str(int(step))] = str(max(int(own) for own in life.ids.values()) + 1)
        if step in ("23", "24", "37"):
            life.same(name, at(2))
        elif step == "25":
            life.same(name, at(9))
        elif step == "26":
            words = life.words(name)
            lines = [cluster.call(*words)[1].splitlines(), recorded(name)[1].splitlines()]
            assert lines[0][0] == lines[1][0]
            places = [re.sub(r"\b(practice|vm)\b", "NODE", " ".join(each)) for each in lines]
            shapes = [re.sub(r"\d+", "N", place) for place in places]
            assert shapes[0] == shapes[1]
        elif step == "43":
            # Later: of the two that were cancelled, one while it was held.
            life.same(name, lambda shown: only(shown, life.ids["26"], life.ids["27"]))
        else:
            if step == "39":
                assert life.words(name)[-1] == life.ids["7"]
            life.give(name)


def only(shown: dict[str, list[str]], *numbers: str) -> None:
    for number in set(shown) - set(numbers):
        del shown[number]
    for fields in shown.values():
        fields[0] = re.sub(r"by \d+", "by UID", fields[0])
        fields[2] = "ELAPSED"


def test_a_job_is_told_what_a_job_was_told(
    cluster: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SLURM_JOB_END_TIME", "1")  # of a job around it
    monkeypatch.setenv("HPCTRAIN_LOCAL_JOB_ID", "7")
    monkeypatch.delenv("SLURM_CONF", raising=False)
    monkeypatch.setenv("CALLER", "'s own")
    text = '#!/bin/bash\nenv -0 >env; pwd >pwd; echo "$@"\n'
    number = cluster.submit(
        text, "-c", "2", "--gres=gpu:1", "--mem=1G", "-J", "env.sh", words=("1", "a b")
    )
    cluster.until(number, "COMPLETED")
    entries = (cluster.cwd / "env").read_text().split("\0")
    told = dict(entry.split("=", 1) for entry in entries if entry)
    theirs = (OF_SLURM / "practice-environment.out").read_text()
    wanted = dict(re.findall(r"^(SLURM\w+)=(.*)$", theirs, re.MULTILINE))
    assert told["CALLER"] == "'s own"
    assert "HPCTRAIN_LOCAL_JOB_ID" not in told
    ours = {name: value for name, value in told.items() if name.startswith("SLURM")}
    own = {"SLURM_TASK_PID", "SLURM_SUBMIT_DIR", "SLURM_SUBMIT_HOST", "SLURM_JOB_UID",
           "SLURM_JOB_GID", "SLURM_JOB_USER", "SLURM_CLUSTER_NAME", "SLURM_JOB_NODELIST",
           "SLURM_NODELIST", "SLURMD_NODENAME", "SLURM_JOB_ID", "SLURM_JOBID"}  # fmt: skip
    assert set(ours) <= set(wanted)
    assert own <= set(ours)
    assert ours["SLURM_JOB_ID"] == number
    assert ours["SLURM_SUBMIT_DIR"] == str(cluster.cwd)
    assert {name: ours[name] for name in set(ours) - own} == {
        name: wanted[name] for name in set(ours) - own
    }
    assert set(wanted) - set(ours) == {
        "SLURM_CONF", "SLURM_GTIDS", "SLURM_NODE_ALIASES", "SLURM_PRIO_PROCESS",
        "SLURM_TOPOLOGY_ADDR", "SLURM_TOPOLOGY_ADDR_PATTERN", "SLURM_WORKING_CLUSTER",
    }  # fmt: skip
    assert (cluster.cwd / "pwd").read_text().strip() == str(cluster.cwd)
    assert (cluster.cwd / f"slurm-{number}.out").read_text() == "1 a b\n"


def test_a_timeout_as_recorded(cluster: Cluster) -> None:
    number = cluster.submit("#!/bin/bash\nsleep 300\n", "-t", "00:00:01", "-J", "late")
    cluster.until(number, "TIMEOUT")
    for name, times in (
        ("practice-timeout-queue", (2, 3)),
        ("practice-timeout-accounting", (2, 3)),
    ):
        theirs = rows(recorded(name)[1])["45"]
        ours = rows(cluster.call(*words_of(name))[1])[number]
        for column in times:
            theirs[column] = ours[column] = "TIME"
        assert ours == theirs


# What both answer alike, whatever the real one's configuration.
SAID_BY_BOTH = [
    ["sbatch", "--parsable", "-p", "nowhere", "ok.sh"],
    ["sbatch", "--parsable", "--time=blah", "ok.sh"],
    ["sbatch", "--parsable", "--mem=900T", "ok.sh"],
    ["sbatch", "--parsable", "--gres=gpu:h100:1", "ok.sh"],
    ["sbatch", "--parsable", "--gres=fpga:1", "ok.sh"],
    ["sbatch", "--parsable", "-C", "nosuch", "ok.sh"],
    ["sbatch", "--parsable", "--dependency=afterany:x", "ok.sh"],
    ["sbatch", "--parsable", "--mem=1G", "--mem-per-cpu=1G", "ok.sh"],
    ["sbatch", "--parsable", "none.sh"],
    ["sbatch", "--parsable", "crlf.sh"],
    ["sbatch", "--parsable", "empty.sh"],
    ["sbatch", "--parsable", "noshebang.sh"],
    ["sbatch", "--parsable", "headbad.sh"],
    ["squeue", "-h", "-j", "99999"],
    ["squeue", "-h", "-j", "99999,99998"],
    ["squeue", "-h", "-u", "nosuchuser"],
    ["scancel", "99999"],
    ["scancel", "abc"],
    ["scontrol", "hold", "99999"],
    ["scontrol", "requeue", "99999"],
    ["sacct", "-X", "-P", "-j", "99999"],
]


@pytest.mark.real_slurm
@pytest.mark.parametrize("words", SAID_BY_BOTH, ids=" ".join)
def test_the_real_one_says_it_too(cluster: Cluster, slurm: Slurm, words: list[str]) -> None:
    assert cluster.call(*words) == cluster.real(*words)
