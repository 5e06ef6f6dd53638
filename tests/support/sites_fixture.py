"""A second Slurm controller, with the nodes of all shipped profiles, for ``sbatch --test-only``.

It has no daemons on nodes: its nodes are in a cloud, and asleep, which a scheduler may plan with.
Partitions come and go with the site that is looked at, since many share their names. It uses
the munge and the database of the suite's own throw-away Slurm.
"""

from __future__ import annotations

import contextlib
import os
import random
import re
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import shipped
from slurm_fixture import Slurm
from waiting import wait_for

from hpctrain.fields import walltime_seconds
from hpctrain.schedulers.times import clock
from hpctrain.sites.misfits import longest
from hpctrain.sites.profile import SiteProfile
from hpctrain.sites.words import megabytes

ROUTED = "routed"  # where jobs go that name no partition
PLENTY_MB = 600_000


def on_slurm() -> list[str]:
    return [name for name in shipped.CLUSTERS if shipped.site(name).profile.scheduler == "slurm"]


class SitesCluster:
    """Slurm, as one site after the other has it."""

    def __init__(self, folder: Path, suites: Slurm) -> None:
        self.folder, self.suites = folder, suites
        self.targets = {
            name: {target: shipped.answered(name, target)
                   for target in shipped.site(name).profile.targets}
            for name in on_slurm()
        }  # fmt: skip
        self.nodes: dict[tuple[str, str], str] = {}
        self.environment = {**os.environ, "SLURM_CONF": str(folder / "slurm.conf")}

    def start(self) -> subprocess.Popen[bytes]:
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        (self.folder / "slurm.conf").write_text(self.configuration(), encoding="utf-8")
        profiles = [profile for site in self.targets.values() for profile in site.values()]
        accounts = ",".join(sorted({p.account for p in profiles if p.account}))
        qos = ",".join(sorted({p.qos for p in profiles if p.qos}))
        add = ["sacctmgr", "--immediate", "--quiet", "add"]
        for words in (
            ["cluster", "sites"],
            ["qos", qos],
            ["account", accounts, "cluster=sites", f"qos={qos}"],
            ["user", "root", f"account={accounts}", "cluster=sites"],
        ):
            self.run(*add, *words, check=False)  # 1: it is there, from a session before this one
        # Those who name no account have the one that root has anyway.
        self.run("sacctmgr", "--immediate", "--quiet", "modify", "user", "root",
                 "where", "cluster=sites", "set", f"qos={qos}")  # fmt: skip
        with (self.folder / "out").open("wb") as out:
            return subprocess.Popen(
                ["slurmctld", "-D", "-c", "-i", "-f", str(self.folder / "slurm.conf")],
                env=self.environment, stdout=out, stderr=out, start_new_session=True,
            )  # fmt: skip

    def answers(self) -> bool:
        return self.run("scontrol", "ping", check=False).returncode == 0

    def configuration(self) -> str:
        """The suite's, with ports, nodes and names of its own."""
        here = str(self.folder)
        text = (self.suites.directory / "slurm.conf").read_text(encoding="utf-8")
        controller, node = re.findall(r"^Slurm(?:ctld|d)Port=(\d+)$", text, re.MULTILINE)
        own = {
            "ClusterName": "sites", "SlurmctldPort": free_port(), "SlurmdPort": node,
            "SlurmctldPidFile": f"{here}/slurmctld.pid", "StateSaveLocation": f"{here}/state",
            "SlurmctldLogFile": f"{here}/slurmctld.log", "SlurmdSpoolDir": f"{here}/spool",
        }  # fmt: skip
        assert own["SlurmctldPort"] != controller
        lines = [
            f"{key}={own[key]}" if (key := line.partition("=")[0]) in own else line
            for line in text.splitlines()
            if not line.startswith(("NodeName", "PartitionName", "DefMemPerCPU"))
        ]
        lines += [
            "EnforcePartLimits=ALL", "AccountingStorageEnforce=associations,limits,qos",
            "ResumeProgram=/bin/true", "SuspendProgram=/bin/true", "SuspendTime=300",
            "PrivateData=cloud",
        ]  # fmt: skip
        for site, targets in self.targets.items():
            for target, profile in targets.items():
                lines.append(self.node(site, target, profile))
        lines.append("PartitionName=nobodys Nodes=ALL Default=YES State=UP")
        return "\n".join(lines) + "\n"

    def node(self, site: str, target: str, profile: SiteProfile) -> str:
        """A kind of node that has what the profile says it has, and no more."""
        name = f"n{len(self.nodes) + 1}"
        count = max(profile.limits.min_nodes or 1, profile.nodes or 1)
        self.nodes[site, target] = f"{name}x[1-{count}]"
        node = profile.node
        cores = node.threads or node.cores or profile.limits.max_cores or profile.cores or 64
        memory = node.memory or profile.limits.max_memory or profile.limits.min_memory
        words = re.findall(r"[A-Za-z_]\w*", profile.constraint or "")
        gpus = node.gpus or profile.limits.max_gpus or (profile.gpus or None)
        kind = f":{profile.gpu_type}" if profile.gpu_type else ""
        parts = [
            f"NodeName={self.nodes[site, target]} CPUs={cores} State=CLOUD",
            f"RealMemory={int(megabytes(memory)) if memory else PLENTY_MB}",
            f"Gres=gpu{kind}:{gpus}" if gpus else "",
            f"Feature={','.join(words)}" if words else "",
        ]
        return " ".join(filter(None, parts))

    @contextlib.contextmanager
    def at(self, site: str) -> Iterator[dict[str, SiteProfile]]:
        """While this lasts, the partitions are those of a site, with its limits."""
        made: dict[str, list[tuple[str, SiteProfile]]] = {}
        for target, profile in self.targets[site].items():
            for name in (profile.partition or ROUTED).split(","):
                made.setdefault(name, []).append((target, profile))
        try:
            for name, some in made.items():
                self.run("scontrol", "create", *self.partition(site, name, some))
            yield self.targets[site]
        finally:
            for name in made:
                self.run("scontrol", "delete", f"PartitionName={name}", check=False)

    def partition(self, site: str, name: str, some: list[tuple[str, SiteProfile]]) -> list[str]:
        nodes = ",".join(self.nodes[site, target] for target, _ in some)
        words = [f"PartitionName={name}", f"Nodes={nodes}", "State=UP"]
        if name == ROUTED:
            return [*words, "Default=YES"]
        walltimes = [longest(p.limits, p.nodes or 1) for _, p in some]
        if all(walltimes):
            seconds = max(walltime_seconds(time) for time in walltimes if time)
            words.append(f"MaxTime={clock(seconds)}")
        if all(profile.limits.max_nodes for _, profile in some):
            words.append(f"MaxNodes={max(p.limits.max_nodes or 0 for _, p in some)}")
        if all(profile.limits.min_nodes for _, profile in some):
            words.append(f"MinNodes={min(p.limits.min_nodes or 0 for _, p in some)}")
        if all(profile.node_sharing == "whole" for _, profile in some):
            words.append("OverSubscribe=EXCLUSIVE")
        return words

    def judged(self, script: str) -> str | None:
        """What sbatch says against a job script, or None if it would be taken."""
        path = self.folder / "job.sh"
        path.write_text(script, encoding="utf-8")
        reply = self.run("sbatch", "--test-only", str(path), check=False)
        return None if reply.returncode == 0 else reply.stderr.strip()

    def run(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        reply = subprocess.run(
            argv, env=self.environment, capture_output=True, text=True, timeout=60
        )
        assert not check or reply.returncode == 0, f"{argv}: {reply.stdout}{reply.stderr}"
        return reply


def free_port() -> str:
    """Below the ephemeral range, so that no client's socket takes it in between."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe, contextlib.suppress(OSError):
            probe.bind(("127.0.0.1", port))
            return str(port)


@pytest.fixture(scope="session")
def sites_cluster(slurm: Slurm, tmp_path_factory: pytest.TempPathFactory) -> Iterator[SitesCluster]:
    cluster = SitesCluster(tmp_path_factory.mktemp("sites"), slurm)
    controller = cluster.start()
    try:
        wait_for(cluster.answers, 30, "the controller of the sites' cluster")
        yield cluster
    finally:
        controller.terminate()
        controller.wait(30)
