"""Which target a job goes to, and why not the others."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from made_sites import made_site

from hpctrain.errors import HpctrainError
from hpctrain.sites.advice import advice, explain_choice
from hpctrain.sites.choose import Choice, choose

CLUSTER = """
account_rule: {needed: sometimes}
gpu_dialect: gpus
targets:
  shared:
    partition: shared
    node: {cores: 64, memory: 256G}
    node_sharing: shared
    limits: {max_walltime: "48:00:00", max_cores: 32}
  whole:
    partition: whole
    cores: 64
    node: {cores: 64, memory: 256G}
    node_sharing: whole
    limits: {max_walltime: "24:00:00"}
  gpu:
    partition: gpu
    gpus: 1
    cores_per_gpu: 16
    account_rule: {suffix: -gpu}
    node: {cores: 64, memory: 256G, gpus: 4}
    node_sharing: shared
    limits: {max_walltime: "24:00:00", max_gpus: 2}
  gpu-whole:
    partition: gpu
    gpus: 1
    node: {cores: 64, usable_cores: 56, gpus: 4}
    node_sharing: whole
    limits:
      max_walltime_by_nodes: [{max_nodes: 2, max_walltime: "02:00:00"}, {max_walltime: "96:00:00"}]
  big-memory:
    partition: big
    limits: {min_memory: 512G, max_memory: 4T}
  long:
    choice: by-name
    partition: shared
    qos: long
    preemption: {then: requeued, after: "01:00:00"}
    limits: {max_walltime: "200:00:00"}
  dev:
    choice: by-name
    partition: dev
    no_chaining: debug jobs do not follow each other
    limits: {max_walltime: "00:30:00", min_walltime: "00:05:00", submitted_per_user: 2}
"""


def chosen(**asked: Any) -> Choice:
    return choose(made_site(CLUSTER, **asked), {})


def refusal(text: str = CLUSTER, **asked: Any) -> HpctrainError:
    with pytest.raises(HpctrainError) as caught:
        choose(made_site(text, **asked), {})
    return caught.value


@pytest.mark.parametrize(
    ("asked", "target"),
    [
        ({}, "shared"),
        ({"cores": 48}, "whole"),
        ({"cores": 48, "walltime": "20:00:00"}, "whole"),
        ({"gpus": 1}, "gpu"),
        ({"gpus": 2, "walltime": "24:00:00"}, "gpu"),
        ({"gpus": 4}, "gpu-whole"),
        ({"gpus": 1, "nodes": 3, "walltime": "90:00:00"}, "gpu-whole"),
        ({"memory": "1T"}, "big-memory"),
        ({"target": "dev"}, "dev"),
        ({"target": "gpu"}, "gpu"),
    ],
)
def test_the_first_that_fits(asked: dict[str, Any], target: str) -> None:
    choice = chosen(**asked)
    assert choice.target == target
    assert choice.profile.target == target
    assert choice.profile.targets == {}


def test_what_was_passed_over_is_told_with_every_reason() -> None:
    choice = chosen(cores=48, walltime="20:00:00")
    assert choice.others == {"shared": ["48 cores are requested, and a job may have 32"]}
    [words] = explain_choice(made_site(CLUSTER), choice.target, choice.others)
    assert words == "target whole (not shared: 48 cores are requested, and a job may have 32)"
    assert explain_choice(made_site(CLUSTER, target="whole"), "whole", {}) == []


def test_none_fits() -> None:
    error = refusal(gpus=8, walltime="300:00:00")
    assert "the job fits none of the targets of here:" in error.message
    for line in (
        "  shared: the job asks for 8 GPUs, and it has none; 300:00:00 is requested, and the "
        "longest walltime is 48:00:00",
        "  gpu: the job asks for 8 GPUs, and a node has 4; the job asks for 8 GPUs, and a job may "
        "have 2; 300:00:00 is requested, and the longest walltime is 24:00:00; 128 cores "
        "are requested, and jobs can use 64 of a node: it would never start",
        "  long: the job asks for 8 GPUs, and it names none (if it has some, write gpus: 1 "
        "there); 300:00:00 is requested, and the longest walltime is 200:00:00; it is taken only "
        "when it is named",
    ):
        assert line in error.message.splitlines()


def test_a_question_comes_with_the_option_and_the_line_that_answer_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", "/c")
    short = 'ask: {walltime: "How long?"}\nlimits: {max_walltime: "00:30:00"}'
    assert "for one run: --walltime 00:30:00; " in (refusal(short).hint or "")
    text = """
    account_rule: {needed: always}
    ask: {walltime: "How long?", memory: "How much?", resources.filesystems: "Which?"}
    """
    error = refusal(text)
    assert error.message.splitlines()[1:] == [
        "  walltime: How long?", "  memory: How much?", "  resources.filesystems: Which?",
        "  account: Which account pays?",
    ]  # fmt: skip
    assert error.hint == (
        "for one run: --walltime 12:00:00 --memory 16G --set site.resources.filesystems=… "
        "--set site.account=…; for all: write it into /c/hpctrain/site_profiles/here.yaml, below "
        'the line `extends: here`: `walltime: "12:00:00"`, `memory: 16G`, '
        "`resources: {filesystems: …}`, `account: …`"
    )


def test_an_own_gpu_target_needs_no_facts_about_its_nodes() -> None:
    text = "targets:\n  cpu: {partition: std}\n  gpu: {partition: gpu, gpus: 1}\n"
    assert choose(made_site(text, target="gpu"), {}).profile.gpus == 1
    assert choose(made_site(text, gpus=1), {}).target == "gpu"
    assert choose(made_site(text), {}).target == "cpu"


@pytest.mark.parametrize(
    ("text", "asked", "cores"),
    [
        ("cores: 8\ntargets: {gpu: {gpus: 1, cores_per_gpu: 16}}", {}, 16),
        ("cores: 8\ntargets: {gpu: {gpus: 1, cores_per_gpu: 16, cores: 4}}", {}, 4),
        ("cores_per_gpu: 16\ntargets: {gpu: {gpus: 1, cores: 4}}", {}, 4),
        ("cores: 8\ntargets: {gpu: {cores_per_gpu: 16, node: {gpus: 8}}}", {"gpus": 2}, 32),
        ("cores: 8\ntargets: {gpu: {gpus: 1, cores_per_gpu: 16}}", {"cores": 2}, 2),
        ("cores: 8\ntargets: {gpu: {gpus: 1, cores_per_gpu: 16}}", {"gpus": 0}, 8),
    ],
)
def test_the_cores_of_the_gpus_or_the_files_own(
    text: str, asked: dict[str, Any], cores: int
) -> None:
    """What is said nearer to the job counts: a target's ``cores_per_gpu`` beats the file's."""
    site = made_site(text, target="gpu", **asked)
    assert choose(site, {}).profile.cores == cores


def test_cores_are_cores_where_the_scheduler_counts_threads() -> None:
    text = "targets: {cpu: {node: {cores: 64, threads: 128}, cores: 64}}"
    assert choose(made_site(text), {}).profile.cores == 64
    assert "65 cores are requested, and jobs can use 64" in refusal(text, cores=65).message


def test_where_only_the_walltime_is_too_long_the_way_is_to_go_on() -> None:
    assert refusal(target="whole", walltime="30:00:00").hint == (
        "shorten it and go on: --walltime 24:00:00 --set site.continuation=resubmit: the job "
        "starts its next attempt by itself; without continuation, hpctrain resume starts the next "
        "attempt"
    )
    assert "--walltime 48:00:00" in (refusal(walltime="60:00:00").hint or "")
    assert "continuation" not in (refusal(target="dev", walltime="01:00:00").hint or "continuation")


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"target": "shared", "gpus": 1}, "the job asks for 1 GPU, and it has none"),
        ({"target": "gpu", "gpus": 3}, "the job asks for 3 GPUs, and a job may have 2"),
        ({"target": "gpu-whole", "cores": 60},
         "60 cores are requested, and jobs can use 56 (64 less those kept for the system) of a "
         "node: it would never start"),
        ({"target": "gpu-whole", "walltime": "03:00:00"},
         "03:00:00 is requested, and the longest walltime for 1 node is 02:00:00"),
        ({"target": "dev", "walltime": "00:02:00", "margin": "00:01:00"},
         "00:02:00 is requested, and the shortest walltime is 00:05:00"),
        ({"target": "shared", "memory": "300G"},
         "300G is requested (mem), and a node has 256G"),
        ({"target": "shared", "memory": "10G", "memory_style": "mem-per-cpu", "cores": 32},
         "10G is requested (mem-per-cpu), and a node has 256G"),
        ({"target": "big-memory"}, "it is for jobs that ask for 512G or more"),
        ({"target": "big-memory", "memory": "8G"},
         "it is for jobs that ask for 512G or more, not for 8G"),
        ({"target": "dev", "continuation": "resubmit"},
         "continuation: resubmit breaks a rule of the site: debug jobs do not follow each other"),
        ({"target": "dev", "continuation": "chain"},
         "a chain is 10 jobs at once (max_attempts), and a user may have 2"),
    ],
)  # fmt: skip
def test_a_named_target_that_does_not_fit(asked: dict[str, Any], reason: str) -> None:
    error = refusal(**asked)
    assert error.message.startswith(f"the job does not fit the target {asked['target']} of here:")
    assert f"\n  {reason}" in error.message


@pytest.mark.parametrize(
    ("text", "asked", "reason"),
    [
        ("limits: {max_nodes: 2}", {"nodes": 3}, "3 nodes are requested, and a job may have 2"),
        ("limits: {min_nodes: 3}", {},
         "jobs here have at least 3 nodes, and this one has 1"),
        ("limits: {cores_multiple_of: 128}", {"cores": 64},
         "cores are given in multiples of 128, not 64"),
        ("{cores_per_gpu: 12, cores_per_gpu_rule: exact}", {"gpus": 2, "cores": 12},
         "2 GPUs come with 24 cores exactly, and 12 are requested"),
        ("memory_style: forbidden", {"memory": "4G"},
         "4G is requested, and jobs that ask for memory are refused here"),
        ("limits: {submissions_per_minute: 5}", {"continuation": "chain"},
         "a chain is 10 jobs at once (max_attempts), and may be submitted in a minute: 5"),
        ("account_rule: {pattern: 'project_\\w+'}", {"account": "mine"},
         "account: mine is not of the form that accounts have here: project_\\w+"),
    ],
)  # fmt: skip
def test_a_profile_without_targets_is_held_to_its_limits_too(
    text: str, asked: dict[str, Any], reason: str
) -> None:
    error = refusal(text, **asked)
    assert error.message == f"the job does not fit the site here:\n  {reason}"


def test_an_unknown_target() -> None:
    error = refusal(target="gpuu")
    assert error.message == "the site here has no target 'gpuu' (did you mean 'gpu'?)"
    assert refusal("", target="gpu").hint == "leave --target out"


def test_cores_and_account_follow_from_the_rules() -> None:
    profile = chosen(gpus=2, account="me").profile
    assert (profile.cores, profile.account) == (32, "me-gpu")
    assert chosen(gpus=1, account="me-gpu", cores=4).profile.account == "me-gpu"
    assert chosen(gpus=1, account="me", cores=4).profile.cores == 4
    assert chosen(account="me").profile.account == "me"
    assert chosen(gpus=1).profile.account is None


def test_an_account_from_the_login_session() -> None:
    site = made_site("account_rule: {needed: always, variable: PROJECT}")
    assert choose(site, {"PROJECT": "p1"}).profile.account == "p1"
    with pytest.raises(HpctrainError) as caught:
        choose(site, {"PROJECT": ""})
    assert caught.value.message == ("the site here needs to know:\n  account: Which account pays?")
    mine = made_site("account_rule: {needed: always, variable: PROJECT}", account="mine")
    assert choose(mine, {"PROJECT": "p1"}).profile.account == "mine"


def test_questions_are_asked_until_they_are_answered() -> None:
    text = (
        "account_rule: {needed: always, list_command: projects}\n"
        "ask: {walltime: 'How long?', resources.storage: 'Which disks?'}\n"
    )
    error = refusal(text)
    assert error.message.splitlines() == [
        "the site here needs to know:",
        "  walltime: How long?",
        "  resources.storage: Which disks?",
        "  account: Which account pays? `projects` lists yours.",
    ]
    assert "--walltime 12:00:00" in (error.hint or "")
    assert "here.yaml, below the line `extends: here`" in (error.hint or "")
    answers = {"walltime": "01:00:00", "account": "a", "resources": {"storage": "x"}}
    assert choose(made_site(text, **answers), {}).target is None


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"target": "gpu-whole"},
         "a whole node with 4 GPUs is charged, and the trainer uses one; a part of a node: "
         "--target gpu"),
        ({"target": "whole", "cores": 8},
         "a whole node with 64 cores is charged, and 8 are used; a part of a node: "
         "--target shared"),
        ({"target": "gpu", "gpus": 2}, "2 GPUs are requested, and the trainer uses one"),
        ({"target": "shared", "nodes": 2}, "2 nodes are requested, and the trainer uses one"),
        ({"target": "long"},
         "the job may be ended for others once it has run 01:00:00 and put back into the queue; "
         "hpctrain resume goes on from its last checkpoint"),
    ],
)  # fmt: skip
def test_warnings(asked: dict[str, Any], words: str, tmp_path: Path) -> None:
    site = made_site(CLUSTER, **asked)
    assert words in advice(site, choose(site, {}).profile, tmp_path)


def test_no_warning_where_nothing_is_amiss(tmp_path: Path) -> None:
    for asked in ({}, {"gpus": 1}, {"target": "whole"}, {"target": "dev"}):
        site = made_site(CLUSTER, **asked)
        assert advice(site, choose(site, {}).profile, tmp_path) == []


def test_jobs_from_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    site = made_site("home_folder: no-jobs\nscratch: {folder: $SCRATCH}\nuntil: 2027-01")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert advice(site, site.profile, tmp_path / "project") == [
        "the project lies in the home folder, where jobs must not work here: move it, for example "
        "$SCRATCH",
        "the centre names 2027-01 as the end of this cluster",
    ]
    monkeypatch.setenv("HOME", str(tmp_path / "elsewhere"))
    assert len(advice(site, site.profile, tmp_path / "project")) == 1
