"""States and learning curves of runs as pandas frames, for notebooks. pandas is imported late."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from hpctrain.errors import HpctrainError
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.names import find_runs
from hpctrain.runs.state.curves import curves

if TYPE_CHECKING:
    import pandas

_ERRORS = ("rmse_energy_mev_per_atom", "rmse_force_ev_per_a")
_STATES = ("run_id", "site", "job_id", "state", "since", "reason", "attempt", "iteration",
           "max_iter", *(f"{side}_{error}" for side in ("train", "test") for error in _ERRORS),
           "eta_s", "verification")  # fmt: skip
_POINTS = ("run_id", "set", "iteration", "loss", *_ERRORS)


def states_frame(
    project: Project, names: tuple[str, ...] = (), *, program: RunProgram = run_scheduler
) -> pandas.DataFrame:
    """Return the status of the named runs, or of all, a row each; the index is the run's id.

    Energies are in meV/atom, forces in eV/Å, ``eta_s`` in seconds. ``verification`` is the verdict
    of the checks. Raises HpctrainError where pandas is not installed.
    """
    pd = _pandas()
    rows = [_row(run) for run in status(project, names, program=program).runs]
    frame = pd.DataFrame(rows, columns=list(_STATES)).set_index("run_id")
    frame["since"] = pd.to_datetime(frame["since"], utc=True, format="ISO8601")
    numbers = dict.fromkeys([name for name in frame if "_rmse_" in name] + ["eta_s"], float)
    return frame.astype({"iteration": "Int64", **numbers})


def curves_frame(project: Project, names: tuple[str, ...] = ()) -> pandas.DataFrame:
    """Return the learning curves of the named runs, or of all, a row for each point.

    ``set`` is train or test; energies are in meV/atom, forces in eV/Å. Only files are read, no
    scheduler is asked. Raises HpctrainError where pandas is not installed.
    """
    pd = _pandas()
    rows = []
    for run in find_runs(project.runs, names):
        whole = curves(run)
        for side, points in (("train", whole.train), ("test", whole.test)):
            rows += [
                (run.run_id, side, p.epoch, p.loss, p.rmse_energy, p.rmse_force) for p in points
            ]
    return pd.DataFrame(rows, columns=list(_POINTS)).astype({"loss": float})


def _pandas() -> Any:
    try:
        import pandas
    except ImportError:
        raise HpctrainError(
            "pandas is not installed beside hpctrain", "install it: pip install pandas"
        ) from None
    return pandas


def _row(run: RunStatus) -> dict[str, Any]:
    errors = {
        f"{side}_{error}": (metrics or {}).get(error)
        for side, metrics in (("train", run.train), ("test", run.test))
        for error in _ERRORS
    }
    facts = {key: getattr(run, key) for key in _STATES if key in RunStatus.__dataclass_fields__}
    return {**facts, **errors, "verification": (run.verification or {}).get("verdict")}
