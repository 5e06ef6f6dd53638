"""Small pieces that the sections share: tables, a figure that is missing, a verdict."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hpctrain.pages.html import escape

VERDICTS = ("pass", "warn", "fail", "skipped")


def missing(title: str, why: str) -> str:
    """What stands where a figure would: why it is not there."""
    return (
        f'<figure class="missing"><figcaption>{escape(title)}</figcaption>'
        f'<p class="soft">{escape(why)}</p></figure>'
    )


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Text in the first column, numbers in the others."""
    head = "".join(f'<th scope="col">{escape(cell)}</th>' for cell in header)
    body = "".join(
        f'<tr><th scope="row">{escape(row[0])}</th>'
        + "".join(f"<td>{escape(cell)}</td>" for cell in row[1:])
        + "</tr>"
        for row in rows
    )
    return f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"


def verdict(word: str) -> str:
    """A verdict with its colour; one that is not known has none."""
    css = word if word in VERDICTS else "skipped"
    return f'<b class="verdict {css}">{escape(word)}</b>'


def number(value: object, form: str = ".4g") -> str:
    """A number, or a dash where there is none."""
    if not isinstance(value, (int, float)):
        return "–"
    text = format(value, form)
    return (text.lstrip("-") if float(text.replace(",", "")) == 0 else text).replace("-", "−")


def together(*words: str) -> str:
    """Words that a line's end must not part, as a number and its unit."""
    return "\u00a0".join(words)


@dataclass(frozen=True)
class Checks:
    """The checks of a verification by name; ``unverified`` says why there are none."""

    content: Mapping[str, Any] | None
    unverified: str

    @property
    def all(self) -> list[Mapping[str, Any]]:
        return list((self.content or {}).get("checks") or [])

    def data(self, name: str, key: str) -> Any:
        """What a check has to draw; None if it has nothing."""
        return ((self._named(name) or {}).get("data") or {}).get(key) or None

    def why(self, name: str) -> str:
        """Why there is nothing to draw."""
        if self.content is None:
            return self.unverified
        check = self._named(name)
        if check is None:
            return "not among the checks of this verification"
        if check.get("verdict") == "skipped":
            return f"skipped: {check.get('seen') or 'no reason told'}"
        return f"the check left nothing to draw: {check.get('seen') or check.get('verdict')}"

    def _named(self, name: str) -> Mapping[str, Any] | None:
        return next((check for check in self.all if check.get("name") == name), None)
