"""Which modules know a trainer by its words: those in its own two folders."""

from __future__ import annotations

import re
from pathlib import Path

import hpctrain

PACKAGE = Path(hpctrain.__file__).parent
WORDS = re.compile(
    r"pacemaker|pyace|python-ace|tensorpot|yace|pace_\w|gracemaker|metrics\.txt", re.IGNORECASE
)
OWN = ("engines/pacemaker/", "engines/grace/", "job/")
# Others, and what for.
ALLOWED = {
    "engines/__init__.py": "the registry",
    "runs/result.py": "the key yace of evaluation.json, which is Pacemaker's",
    "sites/hardware.py": "what PyPI does not have for a processor",
    "settings.py": "the format of Pacemaker's tables, as users know it",
    "data/sources/outputs.py": "the same format",
    "data/sources/pickle_process.py": "the same format",
    "data/sources/pickles.py": "the same format",
}


def test_no_other_module_knows_the_trainer() -> None:
    found = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if WORDS.search(path.read_text(encoding="utf-8"))
    }
    assert {name for name in found if not name.startswith(OWN)} == {*ALLOWED}
