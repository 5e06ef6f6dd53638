"""What the plots of learning curves show, whoever draws them."""

from __future__ import annotations

import math

from hpctrain.engines.curves import TrainingMetrics
from hpctrain.pages.curve_plot import Mark, plots
from hpctrain.pages.learning_curve import learning_curve
from hpctrain.runs.state.curves import Curves


def point(epoch: int, energy: float, force: float = 1.0) -> TrainingMetrics:
    return TrainingMetrics(epoch, energy, force, None, (0, 0, epoch))


TRAIN = [point(5, 100.0), point(6, math.nan), point(20, 10.0, math.inf)]


def test_series_and_axes() -> None:
    energy, force = plots(Curves(train=TRAIN, test=[point(21, 1000.0)]))
    assert [series.label for series in energy.series] == ["train 10", "test 1e+03"]
    assert [series.label for series in force.series] == ["train inf", "test 1"]
    assert [iteration for iteration, _ in energy.series[0].points] == [5, 6, 20]
    assert (energy.iterations.low, energy.iterations.high) == (5, 21)
    assert (energy.log_iterations.low, energy.log_iterations.high) == (0, 21)
    assert 5 < energy.y.low < 10
    assert 1000 < energy.y.high < 2000


def test_what_happened_on_the_way() -> None:
    curves = Curves(train=TRAIN, seams=[6, 12])
    seams = [Mark("seam", 6, "attempt 2"), Mark("seam", 12, "attempt 3")]
    assert plots(curves)[0].marks == seams
    happened = [*seams, Mark("best", 12, "best"), Mark("stopped", 20, "stopped")]
    assert plots(curves, best=12, stopped=True)[1].marks == happened
    assert plots(Curves(), stopped=True)[0].marks == []


def test_the_picture_names_the_iteration_that_was_kept() -> None:
    figure = learning_curve(Curves(train=TRAIN[:1] + TRAIN[2:], seams=[6]), best=12)
    for axes in figure.axes:
        legend = axes.get_legend()
        assert legend is not None
        assert [text.get_text() for text in legend.get_texts()][1:] == ["kept: 12"]
    assert len(learning_curve(Curves()).axes) == 2


def test_nothing_to_draw() -> None:
    for plot in plots(Curves()):
        assert plot.series == []
        assert plot.iterations.low < plot.iterations.high
