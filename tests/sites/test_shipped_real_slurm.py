"""Every target of every shipped profile, judged by a real sbatch.

The cluster has the site's partitions with their limits, and nodes with the cores, memory, GPUs and
features that the profile names. Limits of QOS are not there: sbatch holds them against jobs that
start, not against those it judges; nor is what only a site's own plugin refuses.
"""

from __future__ import annotations

import pytest
import shipped
from sites_fixture import SitesCluster, on_slurm

from hpctrain.fields import walltime_seconds
from hpctrain.schedulers.times import clock
from hpctrain.sites.misfits import longest, misfits

pytestmark = pytest.mark.real_slurm


@pytest.mark.parametrize("name", on_slurm())
def test_the_scheduler_takes_every_target_and_refuses_what_does_not_fit(
    sites_cluster: SitesCluster, name: str
) -> None:
    """Where hpctrain says that a walltime is a day too long, or a GPU too many, so does sbatch."""
    with sites_cluster.at(name) as targets:
        partitions = [profile.partition for profile in targets.values()]
        for target, profile in targets.items():
            text = shipped.script(profile)
            assert sites_cluster.judged(text) is None, target
            if partitions.count(profile.partition) > 1 or "," in (profile.partition or ""):
                continue  # a partition has the limits of the most generous of its targets
            most = longest(profile.limits, profile.nodes or 1)
            if most and profile.partition:
                longer = clock(walltime_seconds(most) + 86400)
                assert misfits(profile.model_copy(update={"walltime": longer}))
                asked = text.replace(f"--time={profile.walltime}", f"--time={longer}")
                said = sites_cluster.judged(asked) or ""
                assert "time limit" in said, f"{target}: {said}"
            if profile.node.gpus and profile.gpu_dialect not in (None, "implicit"):
                asked_for = profile.model_copy(update={"gpus": profile.node.gpus + 1})
                assert misfits(asked_for)
                assert sites_cluster.judged(shipped.script(asked_for)), target
