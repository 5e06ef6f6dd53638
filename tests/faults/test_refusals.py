"""A site's no is a no, whoever says it: nothing is submitted again."""

from __future__ import annotations

import pytest
from faults.field import STATUS, SUBMIT, Field, runs, states, trainings

pytestmark = pytest.mark.slow

PLUGIN = {
    "slurm": 'echo "sbatch: error: name an account (-A)" >&2; '
    'echo "sbatch: error: Batch job submission failed: Unspecified error" >&2; exit 1',
    "pbs": 'echo "qsub: name an account (-A)" >&2; exit 32',
}
# A wrapper of the site's, before the program itself; nobody knows its words.
WRAPPER = 'echo "$$: name an account (-A)" >&2; exit 3'


def counted(field: Field, lines: str) -> str:
    return f"echo called >>{field.folder / 'calls'}; {lines}"


def calls(field: Field) -> int:
    return len((field.folder / "calls").read_text().splitlines())


@pytest.mark.fault("a plugin or hook of the site's says no")
def test_plugin(field: Field) -> None:
    project = field.project()
    lines = counted(field, PLUGIN[field.world.name])
    environment = field.wrapped(project, field.world.submits, lines)
    first = field.run(project, *SUBMIT, environment=environment)
    assert first.code == 1
    assert "name an account (-A)" in first.err
    assert "rule of the site's own" in first.err
    for _ in range(2):
        shown = field.run(project, *STATUS, environment=environment)
        assert (shown.code, states(shown)) == (0, [])
    assert (calls(field), runs(project)) == (1, [])
    field.note("submit, status", "exit 1 with the site's own words; nothing is submitted again")


@pytest.mark.fault("a wrapper of the site's says no")
def test_wrapper(field: Field) -> None:
    """Whether unknown words mean no is not known; said twice, they do."""
    project = field.project()
    environment = field.wrapped(project, field.world.submits, counted(field, WRAPPER))
    first = field.run(project, *SUBMIT, environment=environment)
    assert first.code == 4
    for _ in range(3):
        shown = field.run(project, *STATUS, environment=environment)
        assert (shown.code, states(shown)) == (0, ["prepared"]), shown.err
    assert "name an account (-A)" in shown.json["runs"][0]["reason"]
    assert calls(field) == 2
    (run,) = runs(project)
    resumed = field.run(project, "resume", run.run_id)
    assert resumed.code == 0, resumed.err
    field.world.queue_is_empty()
    assert len(trainings(project)) == 1
    field.note("submit, status, resume", "tried twice, then refused; resume tries again")
