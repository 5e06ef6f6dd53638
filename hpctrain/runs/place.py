"""Where a run's jobs work: the folder that its job script changes into.

A project may be copied or moved, and the script was written for where it was. A copy has the
original's events, so that its job looks like the copy's own; but it works in the original. And once
both are resumed, the jobs of both carry the same token: the folder tells them apart.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import shlex
from collections.abc import Iterable
from pathlib import Path

from hpctrain.files import write_atomically
from hpctrain.records import SMALL, BadFile, read_bytes
from hpctrain.runs.manifest import read_manifest
from hpctrain.runs.run import MANIFEST, Run
from hpctrain.schedulers.base import JobView

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


def own_jobs(views: Iterable[JobView], run: Run) -> list[JobView]:
    """Leave out the jobs that work in another folder of the same run: it is a copy, or this is.

    Where that folder is gone, the run may have been moved, and the job is its own.
    """
    return [view for view in views if not _is_elsewhere(view.folder, run)]


def known_jobs(views: Iterable[JobView], run: Run) -> list[JobView]:
    """List the run's own jobs and, as long as a copy has not been resumed, the original's."""
    views = list(views)
    own = own_jobs(views, run)
    place = None if len(own) == len(views) else other_place(run)
    if place is None:
        return own
    return [view for view in views if view in own or _same(Path(view.folder or ""), place)]


def _is_elsewhere(folder: str | None, run: Run) -> bool:
    if folder is None or folder == str(run.folder):
        return False
    place = Path(folder)
    is_run = place.name == run.run_id and (place / MANIFEST).exists()
    return is_run and not _same(place, run.folder)


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
        if one.samefile(other):
            return True
        # A file system may be mounted twice: the same file then has another device, but the same
        # number, and was last changed at the same time. Of a copy that is not so.
        here, there = (one / MANIFEST).stat(), (other / MANIFEST).stat()
        return (here.st_ino, here.st_ctime_ns) == (there.st_ino, there.st_ctime_ns)
    except OSError:
        return False
