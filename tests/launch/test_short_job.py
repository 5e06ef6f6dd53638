"""A job that is no training: when its folder may go."""

from __future__ import annotations

from pathlib import Path

import pytest

from hpctrain.errors import HpctrainError, SiteUnreachable
from hpctrain.launch.short_job import SCRIPT, record, removed_if_no_job


@pytest.mark.parametrize("script", [True, False])
@pytest.mark.parametrize("error", [HpctrainError("no"), SiteUnreachable("?"), KeyboardInterrupt()])
def test_a_folder_stays_where_a_job_may_need_it(
    tmp_path: Path, error: BaseException, script: bool
) -> None:
    folder = tmp_path / "job"
    folder.mkdir()
    if script:
        (folder / SCRIPT).touch()
    with pytest.raises(type(error)), removed_if_no_job(folder):
        raise error
    submitted = script and isinstance(error, KeyboardInterrupt)
    assert folder.exists() == (submitted or isinstance(error, SiteUnreachable))


def test_a_job_that_cannot_be_recorded_is_named(tmp_path: Path) -> None:
    """Whoever ran the command again would submit a second one."""
    with pytest.raises(HpctrainError, match="job 7 was submitted before, and works in") as error:
        record(tmp_path / "gone", {"job_id": "7"}, "look there")
    assert error.value.hint == "look there"
    assert "gone" in error.value.message
