"""Every target of the shipped profiles for PBS, read by the practice qsub as a real one would.

Its rules are those of the recordings; the site's queues and resources of its own are told to it.
"""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest
import shipped

from hpctrain.fields import walltime_seconds
from hpctrain.schedulers.practice_cluster.pbs import resources
from hpctrain.schedulers.practice_cluster.pbs import script as pbs_script
from hpctrain.schedulers.practice_cluster.pbs.usage import Refusal
from hpctrain.sites.profile import SiteProfile

ON_PBS = [name for name in shipped.NAMES if shipped.site(name).profile.scheduler == "pbs"]
TARGETS = [(name, target) for name in ON_PBS for target in shipped.site(name).profile.targets]


def own(profiles: list[SiteProfile]) -> set[str]:
    """Resources that these sites have made up."""
    named = {key for p in profiles for key in (*p.resources, *p.chunk)}
    return named - set(resources.KNOWN)


@pytest.mark.parametrize(("name", "target"), TARGETS)
def test_qsub_understands_the_head(name: str, target: str, tmp_path: Path) -> None:
    profile = shipped.answered(name, target)
    path = tmp_path / "job.sh"
    path.write_text(shipped.script(profile), encoding="utf-8")
    asked = pbs_script.read([str(path)])
    found = resources.resource_list(asked.resources, own([profile]))
    assert asked.letters.get("q") == profile.queue
    assert profile.walltime
    assert resources.seconds(found["walltime"]) == walltime_seconds(profile.walltime)
    if profile.cores:
        nodes, tasks = profile.nodes or 1, profile.tasks or 1
        assert found["ncpus"] == str(profile.cores * tasks * (nodes if tasks == 1 else 1))
    given = {"A": asked.letters.get("A"), "P": asked.letters.get("P"),
             "group_list": asked.attributes.get("group_list")}  # fmt: skip
    assert given[profile.account_option] == profile.account == "abc123"
    for key in own([profile]):
        with pytest.raises(Refusal) as caught:
            resources.resource_list(asked.resources, own([profile]) - {key})
        assert caught.value.code == 187


@pytest.mark.slow
def test_a_practice_server_takes_them_and_knows_the_queues(tmp_path: Path) -> None:
    """One job of each site, held, through qsub itself."""
    folder, script = tmp_path / "pbs", tmp_path / "job.sh"
    profiles = [
        shipped.answered(name, next(iter(shipped.site(name).profile.targets))) for name in ON_PBS
    ]
    pbs = [sys.executable, "-m", "hpctrain.schedulers.practice_cluster", str(folder)]
    subprocess.run([*pbs, "setup", "pbs"], check=True, timeout=60)
    (folder / "queues").write_text("\n".join(p.queue for p in profiles if p.queue))
    (folder / "resources").write_text("\n".join(own(profiles)))
    for profile in profiles:
        script.write_text(shipped.script(profile), encoding="utf-8")
        reply = subprocess.run(
            [*pbs, "qsub", "-h", str(script)], capture_output=True, text=True, timeout=60
        )
        assert re.fullmatch(r"\d+\.practice\n", reply.stdout), f"{profile.name}: {reply.stderr}"
        subprocess.run([*pbs, "qdel", reply.stdout.strip()], check=True, timeout=60)
    (folder / "queues").unlink()
    reply = subprocess.run(
        [*pbs, "qsub", "-h", str(script)], capture_output=True, text=True, timeout=60
    )
    assert (reply.returncode, reply.stderr) == (170, "qsub: Unknown queue\n")
