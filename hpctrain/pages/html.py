"""What pages are made of: tables, panels, colours. The markup is in ``templates/pages``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hpctrain.render import render_page

if TYPE_CHECKING:
    from hpctrain.render import Markup

# Okabe and Ito's colours, which the colour-blind can tell apart, with two more; grey for the rest.
_LIGHT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a5fd0", "#a09000",
          "#8a8a8a")  # fmt: skip
_DARK = ("#4aa3dc", "#f0b73d", "#35c79b", "#e39cc6", "#8ccdf2", "#f0824a", "#a592ec", "#cfc04a",
         "#9a9a9a")  # fmt: skip
COLOURS = len(_LIGHT) - 1  # series with a colour of their own; all others share the last


@dataclass(frozen=True)
class Table:
    """Text in the first column, numbers in the others."""

    header: Sequence[str]
    rows: Sequence[Sequence[str]]


@dataclass(frozen=True)
class Panel:
    """A picture or a table under its title; or ``missing``, why there is none.

    ``more`` stands beside the title, in a softer colour, and ``note`` below the picture.
    """

    title: str
    more: str = ""
    svg: Markup | None = None
    table: Table | None = None
    missing: str | None = None
    note: str = ""


def document(name: str, title: str, subtitle: str, values: Mapping[str, Any]) -> str:
    """Render a whole page by the template of this name."""
    return render_page(
        f"pages/{name}.html.j2",
        {"title": title, "subtitle": subtitle, "light": _LIGHT, "dark": _DARK, "colours": COLOURS,
         **values},
    ) + "\n"  # fmt: skip


def number(value: object, form: str = ".4g") -> str:
    """Format a number; a dash where there is none."""
    if not isinstance(value, (int, float)):
        return "–"
    text = format(value, form)
    return (text.lstrip("-") if float(text.replace(",", "")) == 0 else text).replace("-", "−")


def together(*words: str) -> str:
    """Join words that the end of a line must not part, as a number and its unit."""
    return "\u00a0".join(words)
