"""What every scheduler tells of itself."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from hpctrain.errors import HpctrainError
from hpctrain.schedulers import scheduler_of
from hpctrain.shapes import SchedulerName


@pytest.mark.parametrize("name", get_args(SchedulerName))
def test_every_scheduler_of_a_profile_is_there(name: str) -> None:
    scheduler = scheduler_of(name, Path("/p/runs/.queue"))
    assert scheduler.name == name
    # A cluster is asked rarely, what is files in the project's folder often; and nobody asks
    # again for an answer that is still kept.
    assert (scheduler.poll_s, scheduler.fresh_s) == (
        (15.0, 5.0) if name in ("slurm", "pbs") else (1.0, 0.5)
    )
    assert scheduler.is_this_machine == (name == "local")
    assert scheduler.is_charged == (name in ("slurm", "pbs"))


def test_another_name_is_refused() -> None:
    with pytest.raises(HpctrainError, match="there is no scheduler 'lsf'"):
        scheduler_of("lsf", Path("/p/runs/.queue"))
