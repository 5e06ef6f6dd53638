"""Tables for a terminal, and runs, manifests and exports as text."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from hpctrain.cli.terminal.layout import NO_BREAK, Column, fit_table, wrap
from hpctrain.text import duration, rmse, short_rmse, verdict_of

if TYPE_CHECKING:
    from hpctrain.runs.actions.status import RunStatus
    from hpctrain.runs.manifest import DatasetFacts, Manifest


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """Align the cells of a header and of rows in columns, two spaces apart."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    lines = [
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
        for row in (header, *rows)
    ]
    return "\n".join(lines)


def clock_time(time: str | None) -> str:
    """Write an ISO time in the reader's time zone, without the date if it is today."""
    if time is None:
        return "-"
    moment = datetime.fromisoformat(time).astimezone()
    today = moment.date() == datetime.now().astimezone().date()
    return moment.strftime("%H:%M:%S" if today else "%Y-%m-%d %H:%M")


def day(time: str | float | None) -> str:
    """Write an ISO time, or seconds since 1970, as date and time in the reader's time zone."""
    if time is None:
        return "-"
    moment = (
        datetime.fromtimestamp(time).astimezone()
        if isinstance(time, (int, float))
        else datetime.fromisoformat(time).astimezone()
    )
    return moment.strftime("%Y-%m-%d %H:%M")


def file_size(size: int | None) -> str:
    """Write bytes as ``2.3 MB`` or ``45.6 kB``."""
    if size is None:
        return "-"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"


def indented(lines: Sequence[str]) -> str:
    """Join lines, each two spaces further in."""
    return "\n".join(f"  {line}" for line in lines)


EVERY_ROW = "every row"
# What says least of how a training is doing goes first where a terminal is narrow.
_STATUS = (
    Column("RUN"), Column("SITE", leaves=1), Column("JOB", leaves=2), Column("STATE", least=0),
    Column("SINCE", leaves=3), Column("ITERATION"), Column("TRAIN", leaves=4), Column("TEST"),
    Column("LEFT"),
)  # fmt: skip
LEGEND = (
    "TRAIN and TEST: errors (RMSE) of the potential that is kept, the one with the lowest test "
    "loss so far; energies in meV/atom / forces in eV/Å"
)


def _status_row(run: RunStatus, *, short: bool) -> list[str]:
    """Return the cells of one run, in the order of _STATUS; ``short``: with fewer digits."""
    state: str = run.state
    if run.state == "running" and run.phase not in (None, "train"):
        state = f"running ({run.phase})"
    elif run.state == "unknown" and run.before is not None:
        state = f"unknown (was {run.before})"
    done = f"{'-' if run.iteration is None else run.iteration} / {run.max_iter or '-'}"
    errors, left = rmse, duration(run.eta_s)
    if short:
        done, state = done.replace(" / ", "/"), state.replace("_", " ")
        errors, left = short_rmse, left.partition(" min ")[0] + " min" * (" min " in left)
    return [run.run_id, run.site, run.job_id or "-", state, clock_time(run.since), done,
            errors(run.train), errors(run.test), left]  # fmt: skip


def name_cell(run: RunStatus) -> str:
    """Write a run's name; of one without, what was changed since the run before."""
    from hpctrain.runs.state.differences import in_words

    words = run.name or in_words(run.changed)
    return f"{words} (trial)".strip() if run.trial else words


def status_rows(runs: Sequence[RunStatus], width: int | None = None) -> str:
    """Write all runs as a table; where not even its main columns fit, in two lines each."""
    columns, names = [*_STATUS], [name_cell(run) for run in runs]
    if any(names):
        columns.insert(1, Column("NAME", leaves=4))
    rows = {
        short: [
            [row[0], *([name] if any(names) else []), *row[1:]]
            for run, name in zip(runs, names, strict=True)
            for row in (_status_row(run, short=short),)
        ]
        for short in (False, True)
    }
    whole = fit_table(columns, rows[False])
    if _fits(whole, width):
        return whole
    short = fit_table(columns, rows[True], width)
    if _fits(short, width):
        return short
    return "\n".join(wrap(line, width) for run in runs for line in _stacked(run))


def _fits(text: str, width: int | None) -> bool:
    return width is None or max(map(len, text.splitlines())) <= width


def _stacked(run: RunStatus) -> list[str]:
    run_id, _, _, state, _, iteration, train, test, left = _status_row(run, short=True)
    return [
        f"{run_id}  {name_cell(run)}  {state}".replace("    ", "  "),
        f"  iteration {iteration}  train {train}  test {test}  left {left}",
    ]


def status_table(runs: Sequence[RunStatus], width: int | None = None) -> str:
    """Write all runs as a table, with reasons and warnings below it."""
    lines = []
    for run in runs:
        words = explanation(run)
        if words:
            lines.append(f"{run.run_id} {words}")
        verified = run.verification or {}
        if run.state == "completed" and verified.get("verdict"):
            verdict = verdict_of(str(verified["verdict"]), verified.get("made"), verified.get("of"))
            lines.append(f"{run.run_id} verification: {verdict}")
        lines += [f"{run.run_id} warning: {warning}" for warning in run.warnings]
    below = "\n".join(wrap(line, width) for line in (LEGEND, *lines))
    return f"{status_rows(runs, width)}\n\n{below}"


def explanation(run: RunStatus) -> str:
    """Write the state and its reason, as in ``unknown since 12:03 (…)``; empty if there is none."""
    if run.state == "collected":
        return f"collected: potentials/{run.reason}{_suffix_of(run)}"
    if run.state == "unknown":
        return f"unknown since {clock_time(run.since)} ({run.reason or 'no reason known'})"
    words = f"{run.state}: {run.reason}" if run.reason not in ("", run.state) else ""
    if run.state == "timeout":
        words = f"{words or run.state}; to go on: hpctrain resume {run.run_id}"
    return words


def _suffix_of(run: RunStatus) -> str:
    from hpctrain.engines import engine_of

    return "" if run.run is None else f".{engine_of(run.run.engine).artefacts[0].suffix}"


def sides(dataset: DatasetFacts) -> str:
    """Write the sizes of both sets: ``train 90 structures (360 atoms), test 10 (40 atoms)``."""
    train, test = dataset["train"], dataset["test"]
    words = ["train not known", "test not known"]
    if train is not None:
        words[0] = f"train {train['structures']} structures ({train['atoms']} atoms)"
    if test is not None:
        words[1] = f"test {test['structures']} ({test['atoms']} atoms)"
    return ", ".join(words)


LEFT = 12  # columns for the names of facts, as a manifest has them


def manifest(content: Manifest, site: str | None = None, width: int | None = None) -> str:
    """Write the data and settings of a run, from its manifest, in a few lines.

    ``site`` is what to say instead of the site's name.
    """
    from hpctrain.engines import engine_of

    data, training = content["dataset"], content["settings"]["training"]
    kinds = ", ".join(
        f"{name}{NO_BREAK}{count}" for name, count in sorted(data["config_types"].items())
    )
    generations = ", ".join(f"{g}: {count}" for g, count in sorted(data["generations"].items()))
    energies = content["reference_energies"]
    if isinstance(energies, dict):
        energies = ", ".join(f"{element} {value:.4f} eV" for element, value in energies.items())
    words = engine_of(training["engine"]).summary(training, content["input"])
    lines = [
        f"data        {sides(data)}",
        f"selection   {content['settings']['data'].get('select') or EVERY_ROW}",
        f"elements    {', '.join(data['elements'])}; free atoms: {energies}",
        f"kinds       {kinds}",
        f"generations {generations}",
        f"training    {training['engine']} ({content['evaluator']}), cutoff "
        f"{training['cutoff']:g} Å, {', '.join(words)}, "
        f"{training['max_iter']}{NO_BREAK}iterations",
        f"site        {site or _site(content)}",
    ]
    lines += [f"continues   from {parent['name']}" for parent in content.get("parents", [])]
    lines += [
        f"left out    {one['count']} row{'s' * (one['count'] != 1)}: {one['reason']}"
        for one in data["skipped"]
    ]
    return wrap("\n".join(lines), width, " " * LEFT)


def _site(content: Manifest) -> str:
    return f"{content['site']['name']} ({content['site']['profile']['scheduler']})"


def export_summary(facts: Mapping[str, Any]) -> str:
    """Write what an export has written, what it left out, and its fingerprint."""
    lines = [
        f"{part['path']}: {part['structures']} structures, {part['atoms']} atoms"
        for part in (facts["train"], facts["test"])
    ]
    lines += [
        f"left out {one['count']}: {one['reason']} (row {', '.join(one['ids'])})"
        for one in facts["skipped"]
    ]
    lines.append(f"selection {facts['select'] or EVERY_ROW}")
    return "\n".join([*lines, f"fingerprint {facts['fingerprint']}"])
