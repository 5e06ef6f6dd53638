"""Use case: show, or choose, the current potential. Only the user moves it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from hpctrain.engines import all_suffixes
from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, now, sum_of, write_atomically
from hpctrain.potentials import archive
from hpctrain.potentials.card import main_file
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.lock import hold_lock

NAMED_BY = f"{archive.POINTER} names the current potential"


@dataclass(frozen=True)
class Pointer:
    """The current potential, None if none was chosen; the moves so far, the last one last.

    ``links`` are the paths under which programs find it, where the file system has links.
    """

    name: str | None
    history: list[archive.Move]
    links: list[Path]


def position(project: Project) -> Pointer:
    """Read where the pointer is; HpctrainError if its file is damaged."""
    name = archive.current_name(project.potentials)
    content = archive.read_pointer(project.potentials)
    links = [_link(project, suffix) for suffix in all_suffixes()]
    there = [link for link in links if name and _leads_to(link) == f"{name}{link.suffix}"]
    return Pointer(name, list(content["history"]) if content else [], there)


def move(project: Project, name: str, *, say: Callable[[str], None] = lambda _: None) -> Pointer:
    """Make a potential of the archive the current one.

    HpctrainError, and nothing is moved, if its file is gone or has changed.
    """
    folder = project.potentials
    with hold_lock(project.runs, "potentials current", say=say):
        card = archive.find_card(folder, name)
        wanted = str(card["name"])
        if wanted in archive.read_retired(folder):
            raise HpctrainError(
                f"{wanted} is retired; the current potential was not changed",
                f"to list it again: hpctrain potentials retire {wanted} --undo",
            )
        main = main_file(card)
        file = folder / main["path"]
        if not file.exists() or sum_of(file) != main["sha256"]:
            raise HpctrainError(
                f"{file} is gone, or not what was archived; the current potential was not changed",
                f"look with: hpctrain potentials verify {wanted}",
            )
        before = _pointer_before(folder)
        history = list(before["history"]) if before else []
        left = before["name"] if before else None
        if left != wanted:
            history.append({"time": now(), "by": who(), "from": left, "to": wanted})
            content = {"schema": "hpctrain.current/1", "name": wanted, "history": history}
            write_atomically(folder / archive.POINTER, as_json(content))
        # Also where it was there already: a move that was killed may have left old links.
        for suffix in all_suffixes():
            _relink(_link(project, suffix), wanted if suffix in card["files"] else None, say)
    return position(project)


def _pointer_before(folder: Path) -> archive.PointerFile | None:
    """Read where the pointer was; where its file is damaged, its history begins anew."""
    try:
        return archive.read_pointer(folder)
    except BadFile:
        return None


def _link(project: Project, suffix: str) -> Path:
    return project.potentials / f"current.{suffix}"


def _leads_to(link: Path) -> str | None:
    try:
        return str(link.readlink())
    except OSError:
        return None


def _relink(link: Path, name: str | None, say: Callable[[str], None]) -> None:
    """Let a link lead to a potential's file, by rename; a file that is no link is left."""
    if link.exists() and not link.is_symlink():
        say(f"{link} is a file of your own and was left; {NAMED_BY}")
        return
    if name is None:
        link.unlink(missing_ok=True)
        return
    temporary = link.with_name(f".{link.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(f"{name}{link.suffix}")
        temporary.replace(link)
    except OSError as error:
        say(f"{link} could not be made ({error.strerror}); {NAMED_BY}")
        # One that leads to another potential would mislead.
        with suppress(OSError):
            link.unlink()
    finally:
        with suppress(OSError):
            temporary.unlink()


def who() -> str:
    """Return who is at work, as the archive records it: ``user@machine``."""
    try:
        user = getpass.getuser()
    except (KeyError, OSError):  # a container knows no name for the number
        user = str(os.getuid())
    return f"{user}@{os.uname().nodename}"
