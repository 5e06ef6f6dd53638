"""The expected memory and time of a training, held against what its job has."""

from __future__ import annotations

from typing import Any

import pytest

from hpctrain.launch.enough import shortfalls
from hpctrain.sites.profile import SiteProfile


def said(gigabytes: float = 1.0, hours: float = 1.0, **keys: Any) -> list[str]:
    """What is said of a training that likely takes so much, memory up to 1.5 times that."""
    memory, time = gigabytes * 1e9, hours * 3600
    estimate = {
        "memory_bytes": {"likely": memory, "from": memory / 1.5, "to": memory * 1.5},
        "seconds": {"likely": time, "from": time / 3, "to": time * 3},
    }
    return shortfalls(estimate, SiteProfile.model_validate({"scheduler": "slurm", **keys}))


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"memory": "4G"}, "the job has 4.3 GB; ask for more: --memory 9G"),
        ({"memory": "500M", "memory_style": "mem-per-cpu", "cores": 8},
         "the job has 4.2 GB; ask for more: --memory 2G, for each core"),
        ({"memory": "2G", "memory_style": "mem-per-gpu", "gpus": 1},
         "the job has 2.1 GB; ask for more: --memory 9G, for each GPU"),
        # What a job gets that asks for nothing: of the Alliance's 8 cores, 2 GiB.
        ({"cores": 8, "limits": {"default_memory_per_core": "256M"}},
         "the job has 2.1 GB; ask for more: --memory 9G"),
        ({"cores": 4, "memory_style": "omit", "limits": {"default_memory_per_core": "1G"}},
         "the job has 4.3 GB; it comes with the cores: ask for more with --set site.cores=N"),
        ({"node_sharing": "whole", "node": {"memory": "8G"}},
         "the job has 8.6 GB; it has all memory of its node: choose a target with larger nodes"),
        ({"memory": "16G"}, None),
        ({"node_sharing": "whole", "node": {"memory": "256G"}}, None),
        ({"cores": 8}, None),
    ],
)  # fmt: skip
def test_memory(keys: dict[str, Any], words: str | None) -> None:
    found = said(6, **keys)
    expected = [f"memory: the training may take 6 GB, perhaps 9, and {words}"] if words else []
    assert found == expected


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"walltime": "24:00:00"}, "the job has 24 h 00 min: a longer --walltime, or --set "
         "site.continuation=resubmit, by which it goes on by itself; or go on with hpctrain "
         "resume"),
        ({"walltime": "24:00:00", "no_chaining": "they must not"},
         "the job has 24 h 00 min: a longer --walltime; or go on with hpctrain resume"),
        ({"limits": {"default_walltime": "00:30:00"}}, "a job that asks for no walltime has 30 min "
         "00 s: a longer --walltime, or --set site.continuation=resubmit, by which it goes on by "
         "itself; or go on with hpctrain resume"),
        ({"walltime": "10:00:00", "continuation": "resubmit", "max_attempts": 2},
         "the job has 2 times 10 h 00 min: a longer --walltime, or a larger max_attempts; or go "
         "on with hpctrain resume"),
        ({"walltime": "10:00:00", "continuation": "resubmit"}, None),
        ({"walltime": "48:00:00"}, None),
        ({}, None),
    ],
)  # fmt: skip
def test_time(keys: dict[str, Any], words: str | None) -> None:
    head = "time: the training may take 30 h 00 min (10 h 00 min to 90 h 00 min), and "
    assert said(hours=30, **keys) == ([head + words] if words else [])
