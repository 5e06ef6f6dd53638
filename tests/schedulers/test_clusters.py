"""How schedulers describe their cluster, from what real ones said; and what is made of it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from paths import RECORDED

from hpctrain.errors import SiteUnreachable
from hpctrain.launch.site_draft import draft
from hpctrain.launch.site_findings import compare
from hpctrain.process import Reply, converse
from hpctrain.schedulers.cluster import LiveCluster, LiveQueue
from hpctrain.schedulers.pbs import cluster as pbs_cluster
from hpctrain.schedulers.pbs.scheduler import PbsScheduler
from hpctrain.schedulers.slurm import cluster as slurm_cluster
from hpctrain.schedulers.slurm.scheduler import SlurmScheduler
from hpctrain.sites.profile import SiteProfile
from hpctrain.yamlfile import read_mapping, validate


def recorded(kind: str, name: str) -> Reply:
    path = RECORDED / kind / name
    argv = tuple(shlex.split(path.with_suffix(".cmd").read_text()))
    texts = [
        path.with_suffix(end).read_text() if path.with_suffix(end).exists() else ""
        for end in (".out", ".err")
    ]
    return Reply(argv, int(path.with_suffix(".rc").read_text()), *texts)


class Told:
    """Answers each command with a recording, by its first words."""

    def __init__(self, kind: str, **names: str) -> None:
        self.replies = {words.replace("_", " "): recorded(kind, name)
                        for words, name in names.items()}  # fmt: skip
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        self.asked.append(list(argv))
        plain = " ".join(word for word in argv if not word.startswith("-"))
        for words, reply in self.replies.items():
            if plain.startswith(words):
                return reply
        return Reply(tuple(argv), None, "", "", f"{argv[0]}: No such file or directory")


SLURM = {
    "scontrol_show_partition": "site-partitions", "sinfo": "site-sinfo",
    "sacctmgr_show_qos": "site-qos", "sacctmgr_show_associations": "site-associations",
    "scontrol_show_config": "site-config",
}  # fmt: skip
PBS = {"qstat": "qstat_Q_json", "pbsnodes": "pbsnodes_json"}


def test_slurm_as_recorded() -> None:
    told = Told("slurm", **SLURM)
    cluster = converse(SlurmScheduler().cluster(), told)
    common: dict[str, Any] = {
        "nodes": 1, "cores": 2, "memory_mb": 21695, "gpus": {"a100": 2}, "min_nodes": 0,
        "features": frozenset({"throwaway", "gpu"}),
    }  # fmt: skip
    assert cluster == LiveCluster(
        (
            LiveQueue("cpu", default=True, max_walltime_s=86400, default_walltime_s=3600, **common),
            LiveQueue("short", max_walltime_s=600, **common),
        ),
        qos={"normal": None, "long": 172800},
        accounts=("materials", "root"),
    )
    assert "cluster=throwaway" in told.asked[-1]


def test_slurm_that_does_not_tell_everything() -> None:
    told = Told("slurm", scontrol_show_partition="site-partitions", sinfo="site-sinfo")
    cluster = converse(slurm_cluster.ask(), told)
    assert [queue.name for queue in cluster.queues] == ["cpu", "short"]
    assert (cluster.qos, cluster.accounts) == (None, None)
    assert cluster.untold == ("sacctmgr: sacctmgr: No such file or directory",) * 2


def test_slurm_that_does_not_answer() -> None:
    with pytest.raises(SiteUnreachable):
        converse(slurm_cluster.ask(), Told("slurm"))
    with pytest.raises(SiteUnreachable, match="sinfo"):
        converse(slurm_cluster.ask(), Told("slurm", scontrol="site-partitions"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("try-ok", None),
        ("try-long", None),
        ("try-cores", "Requested node configuration is not available"),
        ("try-gres", "Requested node configuration is not available"),
        ("try-partition", "invalid partition specified: nowhere"),
    ],
)
def test_what_test_only_says(name: str, said: str | None) -> None:
    heard = SlurmScheduler().read_try(recorded("slurm", name))
    assert heard is None if said is None else said in (heard or "")


def test_a_controller_that_is_down_has_judged_nothing() -> None:
    with pytest.raises(SiteUnreachable):
        SlurmScheduler().read_try(recorded("slurm", "down-sbatch"))


def test_pbs_as_recorded() -> None:
    cluster = converse(PbsScheduler().cluster(), Told("pbs", **PBS))
    common: dict[str, Any] = {"nodes": 1, "cores": 4, "memory_mb": 8192, "gpus": {"": 2}}
    assert cluster.queues == (
        LiveQueue("workq", **common),
        LiveQueue("short", max_walltime_s=600, max_cores=2, **common),
        LiveQueue("stopped", is_open=False, **common),
        LiveQueue("disabled", is_open=False, **common),
    )
    assert cluster.untold == ()


def test_pbs_that_does_not_answer() -> None:
    cluster = converse(
        pbs_cluster.ask(), Told("pbs", qstat="qstat_Q_json", pbsnodes="down_pbsnodes")
    )
    assert cluster.queues[0].cores is None
    assert cluster.untold == (
        "pbsnodes -a -F json: pbsnodes: cannot connect to server pbsnode, error=15010",
    )
    with pytest.raises(SiteUnreachable):
        converse(pbs_cluster.ask(), Told("pbs", qstat="down_qstat_Q"))


@pytest.mark.parametrize(("kind", "names"), [("slurm", SLURM), ("pbs", PBS)])
def test_a_draft_is_a_profile_that_agrees_with_its_cluster(
    kind: str, names: dict[str, str], tmp_path: Path
) -> None:
    scheduler = SlurmScheduler() if kind == "slurm" else PbsScheduler()
    cluster = converse(scheduler.cluster(), Told(kind, **names))
    path = tmp_path / "here.yaml"
    path.write_text(draft("here", kind, cluster, Path("/x/site.schema.json"), "2026-11-26"))
    profile = validate(SiteProfile, read_mapping(path), path)
    first = "cpu" if kind == "slurm" else "workq"
    assert list(profile.targets) == [first, f"{first}-gpu", "short", "short-gpu"]
    assert profile.targets["short"].choice == "by-name"
    assert profile.targets["short"].limits.max_walltime == "00:10:00"
    assert profile.targets[f"{first}-gpu"].node.gpus == 2
    text = path.read_text()
    assert text.startswith("# yaml-language-server: $schema=/x/site.schema.json\n")
    expected = "# Your accounts: materials, root" if kind == "slurm" else "stopped, disabled"
    assert expected in text
    for name, target in profile.targets.items():
        keys = {**target.model_dump(exclude={"choice"}, exclude_unset=True), "target": name}
        at = SiteProfile.model_validate({"scheduler": kind, **keys})
        assert list(compare(at, cluster)) == []


CLUSTER = LiveCluster(
    (
        LiveQueue("cpu", default=True, max_walltime_s=86400, max_nodes=4, cores=64,
                  memory_mb=250_000, features=frozenset({"ib"})),
        LiveQueue("gpu", max_walltime_s=3600, cores=32, gpus={"a100": 4, "h100": 2}, min_nodes=1),
        LiveQueue("big", is_open=False, min_nodes=10),
    ),
    qos={"normal": None, "debug": 1800},
    accounts=("materials",),
)  # fmt: skip


@pytest.mark.parametrize(
    ("keys", "severity", "words"),
    [
        ({"partition": "cpuu"}, "wrong", "there is no partition cpuu (did you mean 'cpu'?)"),
        ({"partition": "cpu,gpuu"}, "wrong",
         "there is no partition gpuu (did you mean 'gpu'?)"),
        ({"partition": "cpu", "limits": {"max_walltime": "48:00:00"}}, "wrong",
         "max_walltime is 48:00:00, and cpu allows 1-00:00:00"),
        ({"partition": "cpu", "limits": {"max_walltime": "12:00:00"}}, "differs",
         "max_walltime is 12:00:00, and cpu allows 1-00:00:00"),
        ({}, "differs", "max_walltime is not set; cpu allows 1-00:00:00"),
        ({"limits": {"max_nodes": 8}}, "wrong", "max_nodes is 8, and cpu allows 4"),
        ({"node": {"cores": 128}}, "wrong", "node.cores is 128, and nodes there have 64"),
        ({"cores": 65}, "wrong", "65 cores are requested, and nodes there have 64"),
        ({"node": {"memory": "512G"}}, "wrong",
         "node.memory is 512G, and nodes there have 250000M"),
        ({"node": {"gpus": 4}}, "wrong", "cpu has no GPUs that can be asked for"),
        ({"partition": "gpu", "node": {"gpus": 8}}, "wrong",
         "node.gpus is 8, and nodes there have 4"),
        ({"partition": "gpu", "node": {"gpus": 4}, "gpu_type": "v100"}, "wrong",
         "gpu_type is v100, and gpu has a100, h100"),
        ({"constraint": "ib&nvme"}, "wrong", "no node there has the feature nvme"),
        ({"qos": "regular"}, "wrong", "there is no QOS regular (there are: debug, normal)"),
        ({"qos": "debug", "limits": {"max_walltime": "01:00:00"}}, "wrong",
         "max_walltime is 01:00:00, and the QOS debug allows 00:30:00"),
        ({"account": "physics"}, "wrong",
         "physics is not one of your accounts (there are: materials)"),
        ({"partition": "big"}, "wrong", "big takes jobs of 10 nodes and more, not of 1"),
        ({"partition": "big"}, "differs", "the partition big is closed at the moment"),
    ],
)  # fmt: skip
def test_findings(keys: dict[str, Any], severity: str, words: str) -> None:
    profile = SiteProfile.model_validate({"scheduler": "slurm", "target": "t", **keys})
    found = [(finding.severity, finding.words) for finding in compare(profile, CLUSTER)]
    assert (severity, words) in found


def test_nothing_is_found_where_all_is_well() -> None:
    keys = {"partition": "gpu", "node": {"cores": 32, "gpus": 4}, "gpu_type": "a100",
            "account": "Materials", "limits": {"max_walltime": "01:00:00"}}  # fmt: skip
    profile = SiteProfile.model_validate({"scheduler": "slurm", "target": "t", **keys})
    assert list(compare(profile, CLUSTER)) == []


def slurm_with(
    gres: str = "gpu:a100:2",
    qos: str = "normal|\n",
    accounts: str = "mat|x\n",
    config: str = "ClusterName = fir\n",
    more: str = "",
) -> Any:
    """A Slurm with one partition, which says this of its GPUs, QOS and accounts."""
    partition = f"PartitionName=mig Default=YES State=UP MaxTime=1-00:00:00 TotalNodes=2{more}\n"
    says = {
        "scontrol show partition": partition, "scontrol show config": config,
        "sinfo": f"mig*|2|64|512000|{gres}|(null)\n", "sacctmgr show qos": qos,
        "sacctmgr show associations": accounts,
    }  # fmt: skip

    def answer(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        plain = " ".join(word for word in argv if not word.startswith("-"))
        (text,) = (text for words, text in says.items() if plain.startswith(words))
        return Reply(tuple(argv), 0, text, "")

    return converse(SlurmScheduler().cluster(), answer)


def test_what_a_core_brings_to_a_job_that_asks_for_no_memory(tmp_path: Path) -> None:
    """Of the whole cluster, or of a partition; a draft then asks for more, and check is silent."""
    cluster = slurm_with(config="ClusterName = fir\nDefMemPerCPU            = 256\n")
    assert cluster.queues[0].core_memory_mb == 256
    own = slurm_with(config="DefMemPerCPU = 256\n", more=" DefMemPerCPU=4000")
    assert own.queues[0].core_memory_mb == 4000
    plain = {"scheduler": "slurm", "partition": "mig", "limits": {"max_walltime": "24:00:00"}}
    profile = SiteProfile.model_validate(plain)
    words = "no memory is requested, and a core brings 256M: set memory"
    assert [found.words for found in compare(profile, cluster)] == [words]
    text = draft("fir", "slurm", cluster, tmp_path, "2026-11-28")
    assert "default_memory_per_core: 256M" in text
    assert "    memory: 4G " in text
    assert list(compare(SiteProfile.model_validate({**plain, "memory": "4G"}), cluster)) == []


@pytest.mark.parametrize(
    ("gres", "gpus"),
    [
        ("gpu:1g.10gb:7,gpu:3g.40gb:2", {"1g.10gb": 7, "3g.40gb": 2}),
        ("gpu:a100_1g.5gb:14(S:2,6),gpu:a100:1(S:0-1)", {"a100_1g.5gb": 14, "a100": 1}),
        ("gpu:4", {"": 4}),
        ("gpu:4(S:0-1)", {"": 4}),
        ("craynetwork:4,gpu:mi250:8,shard:16", {"mi250": 8}),
        ("(null)", {}),
    ],
)
def test_kinds_of_gpus(gres: str, gpus: dict[str, int]) -> None:
    assert slurm_with(gres).queues[0].gpus == gpus


def mig_profile(**keys: Any) -> SiteProfile:
    asks = {"scheduler": "slurm", "partition": "mig", "gpus": 1, "gpu_dialect": "gres-typed",
            "gpu_type": "1g.10gb", "limits": {"max_walltime": "24:00:00"}}  # fmt: skip
    return SiteProfile.model_validate({**asks, **keys})


def test_slices_of_gpus_are_kinds(tmp_path: Path) -> None:
    cluster = slurm_with("gpu:1g.10gb:7,gpu:3g.40gb:2")
    assert list(compare(mig_profile(node={"gpus": 7}), cluster)) == []
    (few,) = compare(mig_profile(gpu_type="3g.40gb", node={"gpus": 7}), cluster)
    assert few.words == "node.gpus is 7, and nodes there have 2"
    (other,) = compare(mig_profile(gpu_type="2g.20gb"), cluster)
    assert other.words == "gpu_type is 2g.20gb, and mig has 1g.10gb, 3g.40gb"
    path = tmp_path / "new.yaml"
    path.write_text(draft("new", "slurm", cluster, Path("s.json"), "2026-11-28"))
    targets = validate(SiteProfile, read_mapping(path), path).targets
    asked = {target.gpu_type: target.node.gpus for target in targets.values() if target.gpus}
    assert asked == {"1g.10gb": 7, "3g.40gb": 2}
    assert list(targets) == ["mig", "mig-1g.10gb", "mig-3g.40gb"]


def test_an_empty_answer_of_the_accounting_proves_nothing() -> None:
    cluster = slurm_with(gres="gpu:1g.10gb:7", qos="", accounts="")
    assert (cluster.qos, cluster.accounts) == (None, None)
    assert "the QOS could not be looked at" in cluster.untold[0]
    assert "accounts could not be looked at" in cluster.untold[1]
    assert list(compare(mig_profile(qos="long", account="mat"), cluster)) == []


def test_names_of_qos_are_told_in_lower_case() -> None:
    cluster = slurm_with(gres="gpu:1g.10gb:7", qos="normal|\ngpu_long|12:00:00\n")
    (found,) = compare(mig_profile(qos="GPU_Long"), cluster)
    assert found.words == "max_walltime is 24:00:00, and the QOS GPU_Long allows 12:00:00"
    (found,) = compare(mig_profile(qos="GPU_short"), cluster)
    assert found.words == "there is no QOS GPU_short (there are: gpu_long, normal)"
