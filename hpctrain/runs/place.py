"""Where a run's jobs work: the folder that its job script changes into.

A project may be copied or moved, and the script was written for where it was. A copy has the
original's events, so that its job looks like the copy's own; but it works in the original.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shlex
from pathlib import Path

from hpctrain.files import write_atomically
from hpctrain.records import SMALL, BadFile, read_bytes
from hpctrain.runs.manifest import read_manifest
from hpctrain.runs.run import MANIFEST, Run

SCRIPT = "job.sh"
_ENTERS = re.compile(r"^cd (.+) \|\| exit 1$", re.MULTILINE)


def other_place(run: Run) -> Path | None:
    """Return the folder that the run's jobs work in; None if it is the run's own, or not known."""
    place = _place(_script(run), run.run_id)
    return None if place is None or _same(place, run.folder) else place


def original(run: Run) -> Path | None:
    """Return the folder that this one is a copy of, and that its jobs work in, if it is there."""
    place = other_place(run)
    if place is None:
        return None
    try:
        manifest = read_manifest(place / MANIFEST)
    except BadFile:
        return None
    return place if manifest is not None and manifest.get("run_id") == run.run_id else None


def work_here(run: Run) -> None:
    """Have the jobs to come work in the run's own folder, wherever it was when it was made.

    The script is changed where it names the folder, and nowhere else.
    """
    script = _script(run)
    place = _place(script, run.run_id)
    if place is None or _same(place, run.folder):
        return
    here = str(run.folder)
    # As it was quoted; and as it is, since templates of a user's own may name it elsewhere too.
    words = {str(place): here, shlex.quote(str(place)): shlex.quote(here)}
    either = "|".join(re.escape(word) for word in words)
    script = re.sub(rf"({either})(?![\w.-])", lambda found: words[found[1]], script)
    write_atomically(run.folder / SCRIPT, script)
    digest = hashlib.sha256(script.encode("utf-8", "surrogateescape")).hexdigest()
    run.record("moved", was=str(place), now=str(run.folder), sha256=digest)


def _script(run: Run) -> str:
    try:
        return (read_bytes(run.folder / SCRIPT, SMALL) or b"").decode("utf-8")
    except (BadFile, UnicodeDecodeError):
        return ""  # the scheduler will say what is wrong with it


def _place(script: str, run_id: str) -> Path | None:
    """Return the run's folder by its script; the lines of a site may enter others before."""
    for words in _ENTERS.findall(script):
        with contextlib.suppress(ValueError):
            (folder,) = shlex.split(words)
            if Path(folder).name == run_id:
                return Path(folder)
    return None


def _same(one: Path, other: Path) -> bool:
    if one == other:
        return True
    try:
        return one.samefile(other)
    except OSError:
        return False
