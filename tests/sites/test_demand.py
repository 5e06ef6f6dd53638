"""What a training costs at most."""

from __future__ import annotations

from typing import Any

import pytest

from hpctrain.sites.demand import cost
from hpctrain.sites.profile import SiteProfile

WHOLE = {"node_sharing": "whole", "node": {"cores": 128}}
GPUS = {"node_sharing": "whole", "node": {"cores": 64, "gpus": 4}, "gpus": 1}


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"cores": 8, "walltime": "02:00:00"}, "at most 16 core-hours"),
        ({"cores": 8, "tasks": 2, "walltime": "00:15:00"}, "at most 4 core-hours"),
        ({"cores": 8, "walltime": "02:00:00", "continuation": "resubmit", "max_attempts": 5},
         "at most 80 core-hours in 5 attempts"),
        ({"cores": 8, "limits": {"default_walltime": "01:00:00"}}, "at most 8 core-hours"),
        ({**WHOLE, "cores": 8, "walltime": "02:00:00"}, "at most 256 core-hours"),
        ({**WHOLE, "walltime": "02:00:00", "charge": {"by": "node", "rate": 1.5, "unit": "SU"}},
         "at most 256 core-hours, charged as 3 SU"),
        ({**WHOLE, "walltime": "10:00:00", "nodes": 2, "charge": {"by": "node"}},
         "at most 2,560 core-hours, charged as 20 node-hours"),
        ({**GPUS, "walltime": "02:00:00"}, "at most 8 GPU-hours"),
        ({**GPUS, "node_sharing": "shared", "walltime": "02:00:00"}, "at most 2 GPU-hours"),
        ({**GPUS, "node_sharing": "shared", "walltime": "02:00:00",
          "charge": {"by": "gpu", "rate": 0.5}},
         "at most 2 GPU-hours, charged as 1 GPU-hours"),
        ({"cores": 8, "walltime": "01:00:00", "memory": "64G",
          "charge": {"by": "core", "rate": 2, "unit": "SU", "memory_per_core": "4G"}},
         "at most 8 core-hours, charged as 32 SU"),
        ({"cores": 8, "walltime": "01:00:00", "memory": "8G",
          "charge": {"by": "core", "rate": 2, "unit": "SU", "memory_per_core": "4G"}},
         "at most 8 core-hours, charged as 16 SU"),
        ({"cores": 8, "walltime": "01:00:00", "charge": {"by": "core", "factor": 0.5}},
         "at most 8 core-hours, charged as 4 core-hours"),
        ({"cores": 8, "walltime": "01:00:00", "charge": {"by": "nothing"}},
         "at most 8 core-hours, not charged"),
        # NCI's own example: one GPU with 12 cores and 380 of a node's 382 GB for 5 h is 716.23 SU.
        ({"cores": 12, "gpus": 1, "memory": "380G", "walltime": "05:00:00",
          "node": {"cores": 48, "memory": "382G", "gpus": 4},
          "charge": {"by": "core", "rate": 3, "unit": "SU", "memory_share": True}},
         "at most 5 GPU-hours, charged as 716 SU"),
        ({"cores": 12, "gpus": 1, "memory": "90G", "walltime": "05:00:00",
          "node": {"cores": 48, "memory": "382G", "gpus": 4},
          "charge": {"by": "core", "rate": 3, "unit": "SU", "memory_share": True}},
         "at most 5 GPU-hours, charged as 180 SU"),
        ({"cores": 20, "walltime": "01:00:00", "memory": "64G",
          "charge": {"by": "core", "step": 16, "memory_per_core": "1792M"}},
         "at most 20 core-hours, charged as 48 core-hours"),
        ({"gpus": 1, "cores": 20, "memory": "200G", "walltime": "01:00:00",
          "charge": {"by": "gpu", "cores_per_gpu": 8, "memory_per_gpu": "64G"}},
         "at most 1 GPU-hours, charged as 4 GPU-hours"),
        ({"cores": 8}, "unknown: no walltime is set; the cluster's default limit applies"),
        ({"walltime": "01:00:00"}, "unknown: the profile does not say how many cores"),
        ({"node_sharing": "whole", "walltime": "01:00:00"},
         "unknown: the profile does not say how many cores a node has"),
    ],
)  # fmt: skip
def test_cost(keys: dict[str, Any], words: str) -> None:
    assert cost(SiteProfile.model_validate({"scheduler": "slurm", **keys})).words() == words
