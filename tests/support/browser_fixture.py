"""Debian's chromium without a window, for tests marked real_browser."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from debian import install

# What is measured of a page in a frame, in its own document d. Texts of a figure must lie inside
# it, and not on each other; near atoms may cover the names of far ones.
_MEASURE = """
const box=e=>e.getBoundingClientRect(),all=s=>[...d.querySelectorAll(s)];
const meet=(a,b)=>Math.min(a.right,b.right)-Math.max(a.left,b.left)>1&&
  Math.min(a.bottom,b.bottom)-Math.max(a.top,b.top)>2;
const figures=all('figure').map(f=>{const svg=f.querySelector('svg');
  const caption=f.querySelector('figcaption').textContent;
  if(!svg)return{caption,text:f.textContent,drawn:0};
  const s=box(svg),t=[...svg.querySelectorAll('text:not(.place)')].map(e=>[e.textContent,box(e)]);
  return{caption,width:s.width,height:s.height,texts:t.length,
    drawn:[...svg.querySelectorAll('path:not(.grid):not(.axis),circle')]
      .filter(p=>box(p).width+box(p).height>1).length,
    outside:t.filter(([_,b])=>b.left<s.left-1||b.right>s.right+1||b.bottom>s.bottom+1)
      .map(x=>x[0]),
    meeting:t.flatMap(([a,p],i)=>t.slice(i+1).filter(([_,q])=>meet(p,q)).map(([b])=>a+' | '+b))}});
const style=(e,k)=>d.defaultView.getComputedStyle(e)[k],first=d.querySelector('svg text');
return{scroll:d.documentElement.scrollWidth,
  right:Math.max(...all('*').filter(e=>!e.closest('svg')||e.tagName=='svg').map(e=>box(e).right)),
  figures,background:style(d.body,'backgroundColor'),colour:style(d.body,'color'),
  label:first&&style(first,'fill'),font:style(d.body,'fontSize'),
  cells:all('table').map(t=>[...t.rows].map(r=>[...r.cells].map(c=>c.textContent))),
  text:d.body.innerText}
"""


@dataclass(frozen=True)
class Browser:
    """Each call starts it, and it ends. ``folder`` is its own, with its profile."""

    program: str
    folder: Path

    def call(self, *arguments: str) -> str:
        reply = subprocess.run(
            [self.program, "--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars",
             "--disable-dev-shm-usage", f"--user-data-dir={self.folder / 'profile'}", *arguments],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        return reply.stdout

    def measure(
        self, page: str, widths: Sequence[int], *, dark: bool = False
    ) -> list[dict[str, Any]]:
        """The page as it is, in frames as wide as that; a window cannot be as narrow as a phone.

        No script of the page runs in such a frame, whatever its own policy says.
        """
        frames = "".join(
            f'<iframe sandbox="allow-same-origin" style="width:{width}px;height:800px;border:0">'
            "</iframe>"
            for width in widths
        )
        inner = json.dumps(page).replace("</", "<\\/")
        (self.folder / "frames.html").write_text(
            f"{frames}<script>const found=[];[...document.querySelectorAll('iframe')]"
            f".forEach((f,n,all)=>{{f.onload=()=>{{const d=f.contentDocument;"
            f"found[n]=(d=>{{{_MEASURE}}})(d);if(found.filter(Boolean).length==all.length)"
            f"document.title=JSON.stringify(found)}};f.srcdoc={inner}}})</script>",
            encoding="utf-8",
        )
        scheme = ["--blink-settings=preferredColorScheme=0"] if dark else []
        dom = self.call(*scheme, f"--window-size={max(widths) + 40},900", "--dump-dom",
                        "--virtual-time-budget=10000",
                        (self.folder / "frames.html").as_uri())  # fmt: skip
        [title] = re.findall(r"<title>(.*?)</title>", dom.split("<iframe")[0], re.DOTALL)
        found: list[dict[str, Any]] = json.loads(unescape(title))
        return found

    def write(self, page: str) -> str:
        """The page as a file, by its address."""
        path = self.folder / "page.html"
        path.write_text(page, encoding="utf-8")
        return path.as_uri()


def _program() -> str | None:
    return shutil.which("chromium")


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """Skip where it cannot be had; in CI, fail."""
    reason = install("chromium", _program)
    if reason:
        message = f"no browser to test with: {reason}"
        if os.environ.get("CI"):
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    with tempfile.TemporaryDirectory(prefix="hpctrain-browser-") as folder:
        yield Browser(str(_program()), Path(folder))
