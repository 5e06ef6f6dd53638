"""How far the test set is from what the potential was trained on: the extrapolation grades."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from statistics import median
from typing import TYPE_CHECKING, Any

from hpctrain.pages.axes import Axis, axis
from hpctrain.pages.figure import Figure
from hpctrain.pages.html import Panel, number
from hpctrain.pages.points import side_of
from hpctrain.pages.subject import Checks

if TYPE_CHECKING:
    from hpctrain.render import Markup

WHAT = (
    "γ is the largest of a structure's atoms, as ASE and LAMMPS compute it. Up to 1 all "
    "neighbourhoods lie within what the potential was trained on; above, it extrapolates."
)
_NO_SET = "no active set was at hand, which the grade is measured by"


def grades(checks: Checks) -> tuple[list[Panel], str]:
    """Draw the grades of the test structures, and their errors against them; explain them.

    Verifications of older versions have none: then there is nothing here.
    """
    known = checks.data("parity", "grades")
    title = "Extrapolation grades, test"
    if known is None:
        side = side_of(checks, "test")
        if not side:
            return [Panel(title, missing=checks.why("parity"))], ""
        return [Panel(title, missing=_NO_SET)] if "atoms" in side else [], ""
    points = [(grade, error) for grade, error in known.get("points") or [] if grade > 0]
    if not points:
        return [Panel(title, missing=known.get("problem") or "no grade is above zero")], ""
    many = f"{known['structures']:,}"
    if known["structures"] < known["of"]:
        many += f" of {known['of']:,}"
    panels = [Panel(title, f"{many} structures", _histogram(points)), _errors(points)]
    return panels, " ".join([_summary(known), WHAT])


def _histogram(points: Sequence[tuple[float, float]]) -> Markup:
    import numpy as np

    from hpctrain.pages.select import draw

    return draw(np.array([grade for grade, _ in points]), np.array([]))


def _summary(known: Mapping[str, Any]) -> str:
    one = known["highest"]
    return (
        f"{known['outside']:,} of {known['structures']:,} are above 1; the highest is "
        f"{number(one['grade'], '.3g')}: {one['id']} ({one['kind']}), atom {one['atom']}."
    )


def _errors(points: Sequence[tuple[float, float]]) -> Panel:
    title = "Largest force error against γ, test"
    # Errors that vanish by symmetry have no place on a logarithmic axis.
    shown = [(grade, error) for grade, error in points if error > 0]
    if not shown:
        return Panel(title, missing="all errors are zero by symmetry")
    grades_ = [grade for grade, _ in shown]
    low = max(min(grades_), 1e-3 * median(grades_))
    x = Axis("γ", low / 1.2, max(grades_) * 1.2, "log")
    figure = Figure(title, x, axis("|ΔF|, eV/Å", [error for _, error in shown], "log"))
    figure.vertical_line(1.0, "γ = 1")
    figure.dots(shown, "s0", 4.0 if len(shown) < 300 else 2.5)
    left = len(points) - len(shown)
    note = f"{left:,} are left out: their forces are zero by symmetry." if left else ""
    return Panel(title, svg=figure.svg(), note=note)
