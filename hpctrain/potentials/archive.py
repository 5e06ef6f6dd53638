"""The archive ``potentials/``: names, cards, and files, of which none is ever overwritten."""

from __future__ import annotations

import errno
import filecmp
import os
import re
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TypedDict

from hpctrain.errors import HpctrainError
from hpctrain.files import files_in, naming, sha256_of_tree
from hpctrain.potentials.card import Card, read_card
from hpctrain.project import Project
from hpctrain.records import BadFile, damaged, read_record
from hpctrain.runs.exports import exports
from hpctrain.shapes import PotentialName, Time

# Which potential is the current one, and which were before; moved by current.move alone.
POINTER = "current.json"
# Which potentials are retired; written by retired.retire alone.
RETIRED = "retired.json"

# A move of the pointer. ``from`` is a word of Python, and no name in a class.
Move = TypedDict(
    "Move", {"time": Time, "by": str, "from": "PotentialName | None", "to": PotentialName}
)


class PointerFile(TypedDict):
    """current.json: the current potential, and every move."""

    name: PotentialName
    history: list[Move]


class RetiredMark(TypedDict):
    """When a potential was retired, and by whom."""

    time: Time
    by: str


class RetiredFile(TypedDict):
    """retired.json: the retired potentials, by name."""

    retired: dict[str, RetiredMark]


_NAME = re.compile(r"potential_gen_([0-9]{2,})(?:_r([0-9]+))?")


def potential_name(generation: int, revision: int = 1) -> str:
    """Name a potential: ``potential_gen_03``, or ``potential_gen_03_r2`` for revision 2."""
    return f"potential_gen_{generation:02d}" + (f"_r{revision}" if revision > 1 else "")


def names(folder: Path) -> list[str]:
    """List the potentials of which a file is there, by generation and revision."""
    numbers = {*filter(None, map(number_of, _stems(folder)))}
    return [potential_name(*number) for number in sorted(numbers)]


def number_of(name: str) -> tuple[int, int] | None:
    """Read generation and revision in a potential's name; None if it is no such name."""
    match = _NAME.fullmatch(name)
    return (int(match[1]), int(match[2] or 1)) if match else None


def _stems(folder: Path) -> Iterator[str]:
    return (path.name.partition(".")[0] for path in folder.glob("potential_gen_*.*"))


def read_cards(folder: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[Card]:
    """Read the card of every archived potential, by generation and revision.

    One that is damaged is left out, and ``say`` is told.
    """
    for name in names(folder):
        try:
            card = read_named_card(folder, name)
        except BadFile as bad:
            say(bad.message)
            continue
        if card is not None:
            yield card


def listed_cards(folder: Path, say: Callable[[str], None] = lambda _: None) -> Iterator[Card]:
    """Read the cards of the potentials that are not retired, as :func:`read_cards` does.

    All of them, and ``say`` is told, if it cannot be read which are retired.
    """
    retired = _retired(folder, say)
    return (card for card in read_cards(folder, say) if card["name"] not in retired)


def _retired(folder: Path, say: Callable[[str], None]) -> dict[str, RetiredMark]:
    try:
        return read_retired(folder)
    except BadFile as bad:
        say(f"{bad.message}; {bad.hint}")
        return {}


def read_retired(folder: Path) -> dict[str, RetiredMark]:
    """Read which potentials are retired; BadFile if the file that says it is damaged."""
    try:
        content = read_record(folder / RETIRED, RetiredFile)
    except BadFile as bad:
        bad.hint = "remove it, and retire again: hpctrain potentials retire NAME"
        raise
    return {} if content is None else content["retired"]


def read_named_card(folder: Path, name: str) -> Card | None:
    """Read the card of a potential; None if there is none, BadFile if it is not this one's."""
    path = folder / f"{name}.json"
    card = read_card(path)
    if card is not None and card["name"] != name:
        raise damaged(path, f"it is the card of {card['name']}")
    return card


def find_card(folder: Path, name: str) -> Card:
    """Read the card of a potential, by name or ``current``; HpctrainError if there is none."""
    from hpctrain.yamlfile import nearest

    known = {one["name"]: one for one in read_cards(folder)}
    wanted = current_name(folder) if name == "current" else name
    if wanted is None:
        raise HpctrainError(
            "no potential is the current one", "choose one: hpctrain potentials current NAME"
        )
    if not known and name != "current":
        raise HpctrainError("there are no potentials yet", "next: hpctrain collect")
    if wanted not in known:
        if number_of(wanted):
            read_named_card(folder, wanted)  # BadFile says what is wrong with it
        raise HpctrainError(
            f"there is no potential '{wanted}'{nearest(wanted, list(known))}"
            + (", which is the current one" if wanted != name else ""),
            "list them with: hpctrain potentials list",
        )
    return known[wanted]


def current_name(folder: Path) -> str | None:
    """Read the name of the current potential; None if none was ever chosen."""
    content = read_pointer(folder)
    return None if content is None else content["name"]


def read_pointer(folder: Path) -> PointerFile | None:
    """Read current.json; None if there is none, BadFile if it is damaged."""
    try:
        return read_record(folder / POINTER, PointerFile)
    except BadFile as bad:
        bad.hint = "choose again: hpctrain potentials current NAME (its history begins anew)"
        raise


def generation_of(
    project: Project,
    rows_fingerprint: str | None,
    asked: int | None,
    say: Callable[[str], None] = lambda _: None,
) -> int:
    """Choose the generation of a potential trained on these structures.

    The same structures as before make another potential of the same generation; others begin the
    next one; ``asked`` overrules both. Trials and retired potentials do not count, nor does what
    cannot be read: ``say`` is told.
    """
    if asked is not None:
        return asked

    def tell(bad: BadFile) -> None:
        say(f"{bad.message}; its generation was not counted")

    runs = [one for one in exports(project.runs, tell) if not one.trial]
    cards = [*read_cards(project.potentials, say)]
    retired = _retired(project.potentials, say)
    of_retired = {card["run"]["run_id"] for card in cards if card["name"] in retired}
    known = [(one.generation, one.rows_fingerprint) for one in runs if one.run_id not in of_retired]
    known += [
        (card["generation"], card["dataset"]["rows_fingerprint"])
        for card in cards
        if card["name"] not in retired
    ]
    same = [generation for generation, rows in known if rows and rows == rows_fingerprint]
    return max(same) if same else max((generation for generation, _ in known), default=0) + 1


def next_name(folder: Path, generation: int) -> str:
    """Return the first name of a generation that no file has."""
    revision = 1
    while any(folder.glob(f"{potential_name(generation, revision)}.*")):
        revision += 1
    return potential_name(generation, revision)


def put(source: Path, target: Path) -> None:
    """Copy a file or a folder into the archive, read-only, under a name that is free.

    A file gets its name by link(), a folder by rename(): neither overwrites. A copy that is there
    already, whole and the same, is left as it is. FileExistsError if the name is another's.
    """
    with naming(target):
        if source.is_dir():
            _put_folder(source, target)
        else:
            _put(source, target)


def _put(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        temporary.unlink(missing_ok=True)  # a killed process's: read-only, it could not be written
        _copy(source, temporary)
        try:
            os.link(temporary, target)
        except FileExistsError:
            if not filecmp.cmp(source, target, shallow=False):
                raise
    finally:
        temporary.unlink(missing_ok=True)


def _put_folder(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = target.with_name(f".{target.name}.{os.getpid()}")
    try:
        shutil.rmtree(temporary, ignore_errors=True)  # a killed process's
        for name, file in files_in(source).items():
            (temporary / name).parent.mkdir(parents=True, exist_ok=True)
            _copy(file, temporary / name)
        try:
            temporary.rename(target)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR):
                raise
            if not target.is_dir() or sha256_of_tree(source) != sha256_of_tree(target):
                raise FileExistsError(errno.EEXIST, "it is there already", str(target)) from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _copy(source: Path, target: Path) -> None:
    """Copy a file to the disk, read-only."""
    shutil.copyfile(source, target)
    target.chmod(0o444)
    with target.open("rb") as file:
        os.fsync(file.fileno())
