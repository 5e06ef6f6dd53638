"""The docs as a site, and the page that is a notebook."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from paths import DOCS

pytestmark = pytest.mark.slow

NOTEBOOK = """
import sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.read(sys.argv[1], 4)
NotebookClient(notebook, timeout=900, kernel_name="python3").execute()
nbformat.write(notebook, sys.argv[1])
"""


def test_the_site_is_built_without_a_warning(tmp_path: Path) -> None:
    """A link to a page, a heading or a function that is not there is a warning."""
    built = subprocess.run(
        [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", "-b", "html",
         "-d", str(tmp_path / "trees"), str(DOCS), str(tmp_path / "site")],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert built.returncode == 0, built.stdout + built.stderr
    pages = {path.stem for path in (tmp_path / "site").glob("*.html")}
    assert {path.stem for path in DOCS.glob("*.md")} <= pages
    text = (tmp_path / "site" / "api.html").read_text()
    for function in ("hpctrain.launch.submit.submit", "hpctrain.potentials.collect.collect"):
        assert f'id="{function}"' in text
    assert 'href="docs/' not in (tmp_path / "site" / "contributing.html").read_text()


def outputs(cell: Any) -> str:
    """What a cell has printed and shown, as text."""
    told = [
        one.get("text") or one.get("data", {}).get("text/plain") or ""
        for one in cell.get("outputs", ())
    ]
    return "".join(told)


@pytest.mark.real_pacemaker
@pytest.mark.usefixtures("pacemaker")
def test_the_page_for_python_is_a_notebook_that_runs(tmp_path: Path) -> None:
    nbformat = pytest.importorskip("nbformat")
    blocks = re.findall(r"^```python\n(.*?)^```$", (DOCS / "python.md").read_text(), re.S | re.M)
    made = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell(code) for code in blocks])
    path = tmp_path / "python.ipynb"
    nbformat.write(made, path)
    environment = {**os.environ, "MPLBACKEND": "Agg", "IPYTHONDIR": str(tmp_path / "ipython")}
    ran = subprocess.run(
        [sys.executable, "-c", NOTEBOOK, str(path)],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=1200,
    )  # fmt: skip
    assert ran.returncode == 0, ran.stderr[-3000:]
    told = {code: outputs(cell) for code, cell in
            zip(blocks, nbformat.read(path, 4).cells, strict=True)}  # fmt: skip

    def of(words: str) -> str:
        [found] = [text for code, text in told.items() if words in code]
        return found

    assert "potential_gen_01" in of("collect(project)")
    assert "rmse_force_ev_per_a" in of("collect(project)")
    assert "collected" in of("states_frame(project)")
    assert "60" in of("def look(report)")
    assert "rmse" in of(".query(").lower() or "iteration" in of(".query(")
    assert float(of("get_potential_energy")) < 0
    assert "cutoff" in of("except HpctrainError")
