"""A new project for data that are there: looked at, proposed, and written."""

from __future__ import annotations

import os
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.data.sources.names import expand, without_password
from hpctrain.data.sources.read import is_database
from hpctrain.data.sources.row_keys import COMPLETED, STATUS, has_key
from hpctrain.errors import HpctrainError
from hpctrain.files import resource, write_text
from hpctrain.project import FILE, SCHEMA, project_name, refuse_existing
from hpctrain.propose.look import Facts, Look
from hpctrain.propose.proposals import Proposals, propose
from hpctrain.render import as_yaml, render

if TYPE_CHECKING:
    from hpctrain.propose.look import Progress

_WIDTH = 96
_MOST_KEYS = 20


@dataclass(frozen=True)
class ProposedProject:
    """A hpctrain.yaml that was written, what it is based on, and what it says."""

    file: Path
    facts: Facts
    proposals: Proposals


def init_from(
    folder: Path, given: Sequence[str], *, progress: Progress = lambda *_: None
) -> ProposedProject:
    """Write a hpctrain.yaml into ``folder`` that fits the sources.

    ``given`` are files, patterns or URLs, relative to the current folder. HpctrainError where they
    cannot be read, hold nothing that can be trained on, or a hpctrain.yaml is there already.
    """
    file = folder / FILE
    refuse_existing(file)
    names = [_relative(one, folder) for one in given]
    here = Path.cwd()
    sources, _ = expand(list(given), here, "--from")
    facts = _look(sources, here, progress)
    if not facts.pbc:
        raise _nothing(facts, list(map(without_password, given)))
    databases = all(is_database(one, here / one) for one in sources)
    source = names[0] if len(names) == 1 else names
    proposals = propose(facts, source, is_database=databases)
    folder.mkdir(parents=True, exist_ok=True)
    write_text(file, _text(folder, given, proposals))
    return ProposedProject(file, facts, proposals)


def _relative(given: str, folder: Path) -> str:
    """Return a source as hpctrain.yaml in ``folder`` names it."""
    if "://" in given or Path(given).is_absolute():
        return given
    return os.path.relpath(Path.cwd() / given, folder.absolute())


def _look(sources: list[str], base: Path, progress: Progress) -> Facts:
    """Look at the completed rows, if there are such, else at all."""
    if all(has_key(source, base, STATUS) for source in sources):
        facts = Look(COMPLETED).read(sources, base, progress)
        if facts.rows:
            return facts
    return Look("").read(sources, base, progress)


def _nothing(facts: Facts, given: list[str]) -> HpctrainError:
    names = ", ".join(given)
    if not facts.rows:
        return HpctrainError(f"there is no structure in {names}")
    lines = [f"  {reason}: {count:,}" for reason, count in facts.faults.most_common(5)]
    keys = {name: None for one in facts.labels.lacking for name in one.names()}
    if keys:
        shown = list(keys)[:_MOST_KEYS]
        lines.append(f"  there is: {', '.join(shown)}{', …' * (len(keys) > len(shown))}")
    if facts.usable:
        lines.append(f"  single atoms, which are references: {facts.usable:,}")
    return HpctrainError(
        "\n".join([f"there is nothing to train on in {names}:", *lines]),
        "a structure needs an energy (eV) and forces (eV/Å); under names that are not seen as "
        "such, name them: data.labels: {energy: …, forces: …}",
    )


def _text(folder: Path, given: Sequence[str], proposals: Proposals) -> str:
    def lines(section: list[Any]) -> str:
        return "".join(
            f"{_comment(one.reason)}  {'# ' * one.open}{one.key}: {as_yaml(one.value)}\n"
            for one in section
        )

    return render(
        "hpctrain_from.yaml.j2",
        {
            "schema": resource(SCHEMA),
            "project": project_name(folder),
            "given": ", ".join(map(without_password, given)),
            "data": lines(proposals.data),
            "training": lines(proposals.training),
            "warnings": "".join(_comment(one) for one in proposals.warnings),
        },
    )


def _comment(text: str) -> str:
    return "".join(f"  # {line}\n" for line in textwrap.wrap(text, _WIDTH))
