"""The frame of every page: its style sheet, its security policy, and what is safe to put in."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape as escaped

from hpctrain.text import printable

# Okabe and Ito's colours, which the colour-blind can tell apart, with two more; grey for the rest.
_LIGHT = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#7a5fd0", "#a09000",
          "#8a8a8a")  # fmt: skip
_DARK = ("#4aa3dc", "#f0b73d", "#35c79b", "#e39cc6", "#8ccdf2", "#f0824a", "#a592ec", "#cfc04a",
         "#9a9a9a")  # fmt: skip
VERDICTS = ("pass", "warn", "fail", "skipped")
COLOURS = len(_LIGHT) - 1  # series with a colour of their own; all others share the last
_STYLE = (
    """
:root{color-scheme:light dark;--bg:#fff;--fg:#1b1f24;--soft:#5b6570;--line:#d8dde3;--stop:#b3261e;
--warn:#8a5a00;--pass:#1a6b3c;LIGHT}
@media (prefers-color-scheme:dark){:root{--bg:#14171b;--fg:#e6e9ed;--soft:#9aa5b1;--line:#333b44;
--stop:#ff8a80;--warn:#f0b73d;--pass:#6fd39b;DARK}}
@media print{:root{color-scheme:light;--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--stop:#b3261e;
--warn:#8a5a00;--pass:#1a6b3c;LIGHT}}
*{box-sizing:border-box}
body{margin:0 auto;padding:1rem;max-width:62rem;background:var(--bg);color:var(--fg);
font:1rem/1.45 system-ui,sans-serif;overflow-wrap:anywhere}
h1{font-size:1.4rem;margin:.2rem 0}h2{font-size:1.1rem;margin:1.6rem 0 .5rem}
.soft,.ids{color:var(--soft)}.finding{border-left:4px solid var(--line);padding:.1rem .8rem;
margin:.7rem 0}.finding p{margin:.15rem 0}.finding.stop{border-color:var(--stop)}
.finding.warn{border-color:var(--warn)}.stop b{color:var(--stop)}.warn b{color:var(--warn)}
.ids{font-size:.9rem}.charts{display:grid;gap:1rem;align-items:end;
grid-template-columns:repeat(auto-fill,minmax(min(100%,20rem),1fr))}
figure{margin:0}figcaption{font-weight:600}figcaption .soft{font-weight:400;
font-size:.9rem}svg{width:100%;height:auto;display:block}
svg text{font-size:11px;fill:var(--soft)}svg .end{text-anchor:end}svg .mid{text-anchor:middle}
.grid{stroke:var(--line)}.axis{stroke:var(--soft)}.curve{fill:none;stroke-width:1.6;
stroke-linejoin:round}.dots{fill:none;stroke-linecap:round}
.legend{display:flex;flex-wrap:wrap;gap:.3rem 1rem;padding:0;list-style:none;font-size:.9rem}
.legend i{display:inline-block;width:.8rem;height:.8rem;margin-right:.35rem;
print-color-adjust:exact;-webkit-print-color-adjust:exact}
dl{display:grid;grid-template-columns:fit-content(min(14rem,45%)) 1fr;gap:.2rem 1rem;margin:0}
dt{color:var(--soft)}dd{margin:0}
@media print{figure,.finding,tr{break-inside:avoid}h2{break-after:avoid}
html{font-size:11px}body{max-width:none;padding:0}.charts{grid-template-columns:1fr 1fr}}
""".replace("LIGHT", "".join(f"--k{n}:{c};" for n, c in enumerate(_LIGHT)))
    .replace("DARK", "".join(f"--k{n}:{c};" for n, c in enumerate(_DARK)))
    .strip()
    + "".join(
        f"\n.k{n}{{fill:var(--k{n});background:var(--k{n})}}.s{n}{{stroke:var(--k{n})}}"
        for n in range(len(_LIGHT))
    )
)


def escape(text: str) -> str:
    """Without what would turn the writing around, too."""
    return escaped(printable(text))


def document(title: str, body: str, style: str = "") -> str:
    """The whole page; ``body`` is markup, in which everything from data is escaped already."""
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8">
<meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none';style-src 'unsafe-inline'">
<title>{escape(title)}</title><style>{_STYLE}{style}</style></head><body>
{body}
</body></html>
"""


def legend(names: Iterable[tuple[str, str]]) -> str:
    """Names with what stands behind them softly, in the order of the colours."""
    return (
        '<ul class="legend">'
        + "".join(
            f'<li><i class="k{min(number, COLOURS)}"></i>{escape(name)}'
            f' <span class="soft">{escape(more)}</span></li>'
            for number, (name, more) in enumerate(names)
        )
        + "</ul>"
    )


def figure(title: str, more: str, picture: str) -> str:
    """A picture under its title."""
    return (
        f'<figure><figcaption>{escape(title)} <span class="soft">{escape(more)}</span></figcaption>'
        f"{picture}</figure>"
    )


def definitions(pairs: Iterable[tuple[str, str]]) -> str:
    """Names and what they are, as a list of two columns; text, not markup."""
    return (
        "<dl>"
        + "".join(f"<dt>{_breakable(name)}</dt><dd>{escape(text)}</dd>" for name, text in pairs)
        + "</dl>"
    )


def _breakable(name: str) -> str:
    """A long name is parted behind a dot or an underscore first."""
    return escape(name).replace(".", ".<wbr>").replace("_", "_<wbr>")


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
