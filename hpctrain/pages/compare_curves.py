"""The learning curves of two potentials in one figure, against what can be compared."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from hpctrain.pages.axes import Axis, axis
from hpctrain.pages.curve_plot import Plot, plots
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel

if TYPE_CHECKING:
    from hpctrain.pages.subject import Subject

# A potential has one colour, its training errors are the paler curve.
_CSS = ("s0", "s5")
_SPREAD = (
    "Core-hours are those of the whole run, with its checks, spread evenly over its iterations."
)
At = Callable[[int], float]


def curves(subjects: Sequence[Subject]) -> tuple[list[Panel], list[str]]:
    """Draw the errors of both against the iteration and against core-hours; and what to say."""
    known = [(n, one) for n, one in enumerate(subjects) if one.curves.train]
    notes = [
        f"{'AB'[n]}: {one.no_curves}." for n, one in enumerate(subjects) if not one.curves.train
    ]
    if not known:
        return [Panel("Learning curves", missing=" ".join(notes))], []
    notes.append(
        "Strong: test errors. Pale: training errors. The number is that of the last point."
    )
    if any(one.best for one in subjects):
        notes.append("Large point: the iteration that became the potential.")
    of_each = [
        (n, plots(one.curves, one.best["iteration"] if one.best else None)) for n, one in known
    ]
    panels = [_panel([(n, each[q], _same) for n, each in of_each], "iteration") for q in (0, 1)]
    rates = {n: _core_hours(one) for n, one in known}
    untold = [n for n, rate in rates.items() if rate is None]
    notes += [f"{'AB'[n]}: its core-hours are not known." for n in untold]
    timed = [(n, each, rate) for n, each in of_each if (rate := rates[n]) is not None]
    if timed:
        panels += [
            _panel([(n, each[q], rate) for n, each, rate in timed], "core-hours") for q in (0, 1)
        ]
        notes.append(_SPREAD)
    return panels, notes


def _same(iteration: int) -> float:
    return float(iteration)


def _core_hours(subject: Subject) -> At | None:
    """Return how many core-hours were spent at an iteration; None where that is not known."""
    spent, last = subject.spent or {}, subject.curves.iteration
    if not spent.get("attempts") or spent["attempts"] < spent["of"] or not last:
        return None
    each = float(spent["core_hours"]) / last
    return (lambda iteration: each * iteration) if each else None


def _panel(drawn: Sequence[tuple[int, Plot, At]], label: str) -> Panel:
    first = drawn[0][1]
    series = [
        (n, one.name, [(at(iteration), error) for iteration, error in one.points])
        for n, plot, at in drawn
        for one in plot.series
    ]
    errors = [error for *_, points in series for _, error in points]
    x = _axis(label, [place for *_, points in series for place, _ in points])
    title = f"RMSE of {first.plural}"
    figure = Figure(title, x, axis(first.y.label, errors, "log"), right=62)
    for n, name, points in sorted(series, key=lambda one: one[1] == "test"):
        css = f"{_CSS[n]} {name}"
        figure.line(points, css)
        if len(points) < 60 and name == "test":
            figure.dots(points, css, 3.5)
        if name == "test" or len([one for one in series if one[0] == n]) == 1:
            figure.label(points, f"{'AB'[n]} {points[-1][1]:.3g}", _CSS[n])
    for n, plot, at in drawn:
        kept = {mark.iteration for mark in plot.marks if mark.kind == "best"}
        of_test = [one.points for one in plot.series if one.name == "test"]
        best = [(at(i), error) for points in of_test for i, error in points if i in kept]
        figure.dots(best, _CSS[n], 9)
    against = "against the iteration" if label == "iteration" else "against core-hours"
    return Panel(title, against, figure.svg())


def _axis(label: str, values: Sequence[float]) -> Axis:
    if label == "iteration":
        return axis(label, [max(values)], "log1p")
    above = [value for value in values if value > 0]
    return axis(label, above, "log")
