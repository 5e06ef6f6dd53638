"""The head of a PBS job script."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from hpctrain.errors import HpctrainError
from hpctrain.schedulers.base import JobRequest
from hpctrain.schedulers.pbs.scheduler import PbsScheduler
from hpctrain.sites.profile import SiteProfile

BARE = ["-S /bin/bash", "-j oe", "-r n"]
JOB = JobRequest("al-ace.t1", "hpctrain:t1", "job-%j.out")


def head(**keys: Any) -> list[str]:
    profile = SiteProfile.model_validate({"scheduler": "pbs", **keys})
    lines = PbsScheduler().directives(profile, JOB)
    assert lines[: len(BARE)] == BARE
    assert not any("\n" in line for line in lines)
    return lines[len(BARE) :]


def test_nothing_is_asked_that_the_profile_does_not_name() -> None:
    for style in ("select", "flat", "nodes-ppn"):
        assert head(resource_style=style) == []


def test_everything_at_once() -> None:
    assert head(
        queue="gpu", account="materials", account_option="P", walltime="1-12:30:00", nodes=1,
        tasks=1, cores=8, memory="32G", gpus=1, chunk={"model": "mil_ait"}, place="scatter:excl",
        resources={"filesystems": "home:eagle", "jobfs": "100GB"}, umask="0027",
        mail_user="me@uni.example", mail_events=["e", "a"],
        extra_directives=["#PBS -W sandbox=PRIVATE", "-V", "  #PBS -l software=x "],
    ) == [
        "-q gpu", "-P materials", "-l select=1:ncpus=8:mpiprocs=1:ngpus=1:mem=32gb:model=mil_ait",
        "-l place=scatter:excl", "-l walltime=36:30:00", "-l filesystems=home:eagle",
        "-l jobfs=100GB", "-W umask=0027", "-M me@uni.example", "-m ae", "-W sandbox=PRIVATE",
        "-V", "-l software=x",
    ]  # fmt: skip


def test_a_scheduler_that_counts_threads_is_asked_for_those_of_the_cores() -> None:
    node = {"cores": 32, "threads": 64}
    assert head(cores=32, node=node) == ["-l select=1:ncpus=64"]
    assert head(cores=32, node=node, resource_style="flat") == ["-l ncpus=64"]


@pytest.mark.parametrize(
    ("option", "line"), [("A", "-A x"), ("P", "-P x"), ("group_list", "-W group_list=x")]
)
def test_who_pays(option: str, line: str) -> None:
    assert head(account="x", account_option=option) == [line]


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        ({"cores": 8}, ["-l select=1:ncpus=8"]),
        ({"nodes": 2}, ["-l select=2"]),
        ({"tasks": 4}, ["-l select=1:ncpus=4:mpiprocs=4"]),
        ({"tasks": 4, "nodes": 2, "cores": 3}, ["-l select=2:ncpus=6:mpiprocs=2"]),
        ({"memory": "500M"}, ["-l select=1:mem=500mb"]),
        ({"memory": "1T", "cores": 1}, ["-l select=1:ncpus=1:mem=1tb"]),
        ({"memory": "2097152K"}, ["-l select=1:mem=2097152kb"]),
        ({"gpus": 2}, ["-l select=1:ngpus=2"]),
        ({"gpus": 2, "nodes": 2}, ["-l select=2:ngpus=1"]),
        ({"gpus": 2, "gpu_dialect": "implicit"}, []),
        ({"gpus": 2, "nodes": 1, "gpu_dialect": "implicit"}, ["-l select=1"]),
        ({"chunk": {"gpu_type": "a100"}}, ["-l select=1:gpu_type=a100"]),
        ({"chunk": {"a": "1", "b": 2}, "cores": 1}, ["-l select=1:ncpus=1:a=1:b=2"]),
        ({"cores": 1, "place": "free"}, ["-l select=1:ncpus=1", "-l place=free"]),
        ({"resources": {"ngpus_type": "x"}}, ["-l ngpus_type=x"]),
    ],
)
def test_select(keys: dict[str, Any], lines: list[str]) -> None:
    assert head(**keys) == lines


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        ({"cores": 8}, ["-l ncpus=8"]),
        ({"cores": 8, "tasks": 2}, ["-l ncpus=16"]),
        ({"tasks": 2}, ["-l ncpus=2"]),
        ({"cores": 12, "memory": "190G", "gpus": 1, "resources": {"jobfs": "10GB"}},
         ["-l ncpus=12", "-l ngpus=1", "-l mem=190gb", "-l jobfs=10GB"]),
        ({"gpus": 1, "gpu_dialect": "implicit"}, []),
    ],
)  # fmt: skip
def test_flat(keys: dict[str, Any], lines: list[str]) -> None:
    assert head(resource_style="flat", **keys) == lines


@pytest.mark.parametrize(
    ("keys", "lines"),
    [
        ({"cores": 8}, ["-l nodes=1:ppn=8"]),
        ({"nodes": 2, "cores": 8}, ["-l nodes=2:ppn=8"]),
        ({"nodes": 2, "tasks": 4, "cores": 2}, ["-l nodes=2:ppn=4"]),
        ({"nodes": 2}, ["-l nodes=2:ppn=1"]),
        ({"cores": 8, "gpus": 1, "memory": "8G"}, ["-l nodes=1:ppn=8:gpus=1", "-l mem=8gb"]),
        ({"memory": "8G"}, ["-l mem=8gb"]),
    ],
)
def test_nodes_ppn(keys: dict[str, Any], lines: list[str]) -> None:
    assert head(resource_style="nodes-ppn", **keys) == lines


@pytest.mark.parametrize(
    ("walltime", "line"),
    [
        ("12:00:00", "-l walltime=12:00:00"),
        ("1:00:00", "-l walltime=01:00:00"),
        ("2-00:00:00", "-l walltime=48:00:00"),
        ("10-01:02:03", "-l walltime=241:02:03"),
        ("100:00:00", "-l walltime=100:00:00"),
    ],
)
def test_walltime(walltime: str, line: str) -> None:
    assert head(walltime=walltime) == [line]


@pytest.mark.parametrize(
    ("umask", "line"),
    [("027", "-W umask=0027"), ("0077", "-W umask=0077"), ("000", "-W umask=0000")],
)
def test_umask(umask: str, line: str) -> None:
    assert head(umask=umask) == [line]


@pytest.mark.parametrize(
    ("events", "line"),
    [(["a", "b", "e"], "-m abe"), (["abe"], "-m abe"), (["e", "e"], "-m e"), (["n"], "-m n")],
)
def test_mail(events: list[str], line: str) -> None:
    assert head(mail_events=events) == [line]


@pytest.mark.parametrize(
    ("keys", "key", "hint"),
    [
        ({"partition": "gpu"}, "partition", "queue"),
        ({"qos": "long"}, "qos", "Slurm"),
        ({"constraint": "a100"}, "constraint", "chunk"),
        ({"continuation": "requeue"}, "continuation: requeue", "resubmit"),
        ({"memory_style": "mem-per-cpu"}, "memory_style: mem-per-cpu", "mem"),
        ({"memory_style": "mem-zero"}, "memory_style: mem-zero", "mem"),
        ({"memory_style": "omit", "memory": "1G"}, "memory: 1G", "remove memory"),
        ({"gpu_dialect": "gres"}, "gpu_dialect: gres", "implicit"),
        ({"gpus": 1, "gpu_type": "a100"}, "gpu_type: a100", "chunk: {gpu_type: a100}"),
        ({"tasks": 3, "nodes": 2}, "tasks: 3", "multiple of nodes"),
        ({"gpus": 3, "nodes": 2}, "gpus: 3", "multiple of nodes"),
        ({"tasks": 3, "nodes": 2, "resource_style": "nodes-ppn"}, "tasks: 3", "multiple"),
        ({"place": "excl"}, "place", "set cores"),
        ({"place": "excl,walltime=1", "cores": 1}, "place: excl,", "resources"),
        ({"account": "a,umask=0", "account_option": "group_list"}, "account: a,", "one value"),
        ({"nodes": 1, "resource_style": "flat"}, "nodes", "resource_style: select"),
        ({"chunk": {"a": "b"}, "resource_style": "flat"}, "chunk", "resource_style: select"),
        ({"place": "excl", "resource_style": "flat"}, "place", "resource_style: select"),
        ({"chunk": {"a": "b"}, "resource_style": "nodes-ppn"}, "chunk", "remove chunk"),
        ({"place": "excl", "resource_style": "nodes-ppn"}, "place", "remove place"),
        ({"chunk": {"ncpus": "4"}}, "chunk: ncpus", "set cores"),
        ({"chunk": {"ngpus": "4"}}, "chunk: ngpus", "set gpus"),
        ({"resources": {"walltime": "1:00:00"}}, "resources: walltime", "set walltime"),
        ({"resources": {"select": "1"}}, "resources: select", "set cores, nodes"),
        ({"resources": {"mem": "1gb"}}, "resources: mem", "set memory"),
        ({"mail_events": ["END"]}, "mail_events: END", "[a, e]"),
        ({"mail_events": ["n", "a"]}, "mail_events: n, a", "[a, e]"),
    ],
)
def test_refusals_name_the_key_and_the_way_out(keys: dict[str, Any], key: str, hint: str) -> None:
    with pytest.raises(HpctrainError) as caught:
        head(**keys)
    assert key in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    ("line", "option", "hint"),
    [
        ("-v A=1", "-v", "environment"),
        ("#PBS -vA=1", "-v", "environment"),
        ("-N name", "-N", "finds them again"),
        ("#PBS   -N name", "-N", "finds them again"),
        ("-l x=1 -N name", "-N", "finds them again"),
        ("-o out", "-o", "output"),
        ("-e err", "-e", "output"),
        ("-k oed", "-k", "followed"),
        ("-J 1-3", "-J", "not an array"),
        ("-t 1-3", "-t", "not an array"),
        ("-I", "-I", "interactive"),
        ("-z", "-z", "id"),
        ("-hz", "-z", "id"),
        ("-zV", "-z", "id"),
        ("-r y", "-r", "continuation"),
        ("-C '#X'", "-C", "#PBS"),
        ("-W depend=afterok:1", "-W depend", "chain"),
        ("-Wdepend=afterok:1", "-W depend", "chain"),
        ("-W sandbox=PRIVATE,depend=afterok:1", "-W depend", "chain"),
        ("-W block=true", "-W block", "--wait"),
        ("-W umask=22", "-W umask", "umask"),
    ],
)
def test_what_hpctrain_says_itself(line: str, option: str, hint: str) -> None:
    with pytest.raises(HpctrainError) as caught:
        head(extra_directives=[line])
    assert f"extra_directives: {option} is not allowed there" in caught.value.message
    assert hint in (caught.value.hint or "")


@pytest.mark.parametrize(
    "line",
    ["-V", "-h", "-p -10", "-l site=sdsc", "-W group_list=v", "-W sandbox=PRIVATE", "-A foozoo",
     "-a 2359", "-l select=1:ncpus=1:vntype=z", "-R oe", "--", "-l depend=1"],
)  # fmt: skip
def test_other_lines_are_taken_as_they_are(line: str) -> None:
    assert head(extra_directives=[line, f"#PBS {line}"]) == [line, line]


@pytest.mark.parametrize("value", ["a\n#PBS -l x", "a b", 'a"b', "a;b", "$(x)", "a'b", "-v"])
@pytest.mark.parametrize("key", ["queue", "account", "place", "mail_user"])
def test_nothing_breaks_out_of_its_line(key: str, value: str) -> None:
    with pytest.raises(ValidationError):
        SiteProfile.model_validate({"scheduler": "pbs", key: value})


@pytest.mark.parametrize("value", ["a\nb", "a b", "a,b", "1:ncpus=9", "a;b", ""])
def test_nothing_breaks_out_of_its_chunk(value: str) -> None:
    with pytest.raises(ValidationError):
        SiteProfile.model_validate({"scheduler": "pbs", "chunk": {"model": value}})
    with pytest.raises(ValidationError):
        SiteProfile.model_validate({"scheduler": "pbs", "chunk": {f"a={value}": "b"}})
