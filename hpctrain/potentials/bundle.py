"""Use case: write a potential with all that belongs to it as one zip, and check the zip."""

from __future__ import annotations

import hashlib
import os
import zipfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hpctrain import __version__
from hpctrain.engines.base import Engine
from hpctrain.errors import HpctrainError
from hpctrain.files import as_json, files_in, naming, sha256_of, sha256_of_sums
from hpctrain.pages.page import page
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, engine_of_card
from hpctrain.potentials.citation import citation
from hpctrain.potentials.report import read_potential
from hpctrain.potentials.verification import VERIFICATION
from hpctrain.project import Project
from hpctrain.records import LARGE, read_bytes
from hpctrain.runs.submitter import name_of
from hpctrain.text import metrics_table

SUMS, README = "SHA256SUMS", "README.md"
# Beside the page; a potential of an older version may lack them.
_BESIDE = (VERIFICATION, "learning_curve.csv", "learning_curve.png")


@dataclass(frozen=True)
class Bundle:
    """A written zip, and the files in it."""

    name: str
    path: Path
    sha256: str
    bytes: int
    files: list[str]


def export(
    project: Project,
    name: str,
    output: Path | None = None,
    *,
    authors: Sequence[str] = (),
    say: Callable[[str], None] = lambda _: None,
) -> Bundle:
    """Write NAME.zip: potential, card, fingerprint of the data, page, citation, and a README.

    The zip is written under another name, read again, and compared with the card; only then it gets
    its name, and replaces one that is there. The same potential gives the same zip.
    HpctrainError if a file of the potential is not what was archived.
    """
    card = archive.find_card(project.potentials, name)
    path = output or Path(f"{card['name']}.zip")
    if project.potentials.absolute() in path.absolute().parents:
        raise HpctrainError(
            f"{path} is in the archive, where nothing is overwritten", "name a file elsewhere"
        )
    if not path.absolute().parent.is_dir():
        raise HpctrainError(
            f"{path} cannot be written: there is no folder {path.parent}", f"mkdir -p {path.parent}"
        )
    contents = _contents(project, card, authors, say)
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    with naming(path):
        try:
            _write(temporary, card, contents)
            check(temporary)
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    return Bundle(card["name"], path, sha256_of(path), path.stat().st_size, sorted(contents))


def _contents(
    project: Project, card: Card, authors: Sequence[str], say: Callable[[str], None]
) -> dict[str, bytes]:
    """Put together the files of the zip, by name."""
    name, folder = card["name"], project.potentials
    contents: dict[str, bytes] = {}
    for file in card["files"].values():
        read = _read_all(folder, file["path"])
        if _sum(file["path"], _digests(read)) != file["sha256"]:
            raise HpctrainError(
                f"{folder / file['path']} is not what was archived; nothing was exported",
                f"look with: hpctrain potentials verify {name}",
            )
        contents |= read
    contents[f"{name}.json"] = _read(folder / f"{name}.json")
    for beside in _BESIDE:
        found = read_bytes(folder / "report" / name / beside, LARGE)
        if found is not None:
            contents[beside] = found
    texts = {
        "report.html": page(read_potential(card, folder, say)),
        "data.json": as_json(data_facts(card)),
        "CITATION.cff": citation(card, authors, name_of(os.getuid())),
        README: readme(card),
    }
    contents |= {file: text.encode() for file, text in texts.items()}
    sums = "".join(f"{digest}  {file}\n" for file, digest in sorted(_digests(contents).items()))
    return {**contents, SUMS: sums.encode()}


def _read_all(folder: Path, name: str) -> dict[str, bytes]:
    """Read a file of the archive, or all of a folder, by their names in the zip."""
    path = folder / name
    if path.is_dir():
        return {f"{name}/{inside}": _read(file) for inside, file in files_in(path).items()}
    return {name: _read(path)}


def _digests(contents: Mapping[str, bytes]) -> dict[str, str]:
    return {file: hashlib.sha256(content).hexdigest() for file, content in contents.items()}


def _sum(name: str, digests: Mapping[str, str]) -> str | None:
    """Return the sum of a file, or of a folder by those of its files; None if there is neither."""
    inside = {
        file.removeprefix(f"{name}/"): digest
        for file, digest in digests.items()
        if file.startswith(f"{name}/")
    }
    return sha256_of_sums(inside) if inside else digests.get(name)


def _read(path: Path) -> bytes:
    content = read_bytes(path, LARGE)
    if content is None:
        raise HpctrainError(f"{path} is gone; nothing was exported", "put it back from a backup")
    return content


def _write(path: Path, card: Card, contents: dict[str, bytes]) -> None:
    """Write the zip, with the time of archiving for every file."""
    day, _, clock = card["archived"].partition("T")
    year, month, date = map(int, day.split("-"))
    hour, minute, second = map(int, clock[:8].split(":"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for file, content in sorted(contents.items()):
            entry = zipfile.ZipInfo(
                f"{card['name']}/{file}", (max(year, 1980), month, date, hour, minute, second)
            )
            entry.external_attr = 0o644 << 16
            entry.compress_type = zipfile.ZIP_DEFLATED
            zipped.writestr(entry, content)


def check(path: Path) -> None:
    """Read a zip again, and compare all of it with its sums, and the potential with its card."""
    from hpctrain.records import parse

    try:
        with zipfile.ZipFile(path) as zipped:
            contents = {
                entry.filename.partition("/")[2]: zipped.read(entry) for entry in zipped.infolist()
            }
        lines = contents[SUMS].decode().splitlines()
        sums = {file: sha256 for sha256, _, file in (line.partition("  ") for line in lines)}
        (card,) = (
            parse(content)
            for file, content in contents.items()
            if file.startswith("potential_gen_") and file.endswith(".json") and "/" not in file
        )
        known = {one["path"]: one["sha256"] for one in card["files"].values()}
    except (zipfile.BadZipFile, KeyError, ValueError, UnicodeDecodeError) as error:
        raise HpctrainError(f"{path} is not whole: {error}", "export it again") from error
    digests = _digests(contents)
    wrong = {
        file for file, digest in digests.items() if file != SUMS and sums.get(file) != digest
    } | {file for file, digest in known.items() if _sum(file, digests) not in (digest, None)}
    missing = ({*sums} | {README}) - {*digests}
    missing |= {file for file in known if _sum(file, digests) is None}
    if wrong or missing:
        names = ", ".join(sorted([*wrong, *missing]))
        raise HpctrainError(f"{path} is not what was to be exported: {names}", "export it again")


def data_facts(card: Card) -> dict[str, object]:
    """Return what identifies the data of a potential: fingerprints, counts, sums and rows."""
    data = card["dataset"]
    return {
        "schema": "hpctrain.data/1",
        "fingerprint": data["fingerprint"],
        "rows_fingerprint": data["rows_fingerprint"],
        "source": card["settings"]["data"]["source"],
        "select": card["settings"]["data"].get("select"),
        "train": data["train"],
        "test": data["test"],
        "elements": data["elements"],
        "config_types": data["config_types"],
        "rows": data.get("rows"),
    }


def readme(card: Card) -> str:
    """Write what the zip holds, and how the potential is used."""
    name, engine = card["name"], engine_of_card(card)
    use = engine.usage(name, card["elements"], card["files"])
    of_sets = {"train": card["metrics"]["train"], "test": card["metrics"]["test"]}
    errors = {side: value for side, value in of_sets.items() if value is not None}
    header, rows = metrics_table(errors)
    table = "\n".join(f"| {' | '.join(row)} |" for row in (["RMSE", *header],
                      ["---"] * (len(header) + 1), *rows))  # fmt: skip
    files = [
        *((f"{name}.{one.suffix}", one.words) for one in engine.artefacts
          if one.suffix in card["files"]),
        (f"{name}.json", "the card: how it was made, on what, with what, and its errors"),
        ("data.json", "fingerprints, counts and rows of the data: training and test set"),
        ("report.html", "everything about it on one page, for a browser"),
        ("CITATION.cff", "how to cite it"),
        (SUMS, f"SHA-256 of all files; to check them: sha256sum -c {SUMS}"),
    ]  # fmt: skip
    listed = "\n".join(f"| `{file}` | {words} |" for file, words in files)
    unknown = "".join(f"\n- not known: {words}" for words in card.get("unknown") or ())
    adopted = (
        "Trained by hand, and adopted by hpctrain:\n" if card.get("origin") == "adopted" else ""
    )
    by_hand = f"\n{adopted}{unknown}\n" if unknown else ""
    cite = "\n".join(f"- {work}" for work in use["cite"])
    return f"""# {name}

An interatomic potential ({engine.method.name}) for {", ".join(card["elements"])}.

{table}
{by_hand}
## Use

{use["units"]}

In Python, with ASE, in an environment with {engine.version_of}:

```python
{chr(10).join(use["ase"])}
```
{_in_lammps(card, engine, use)}
Total energies: {use["energy"]["formula"]}, with
{use["energy"]["where"]}. {_energies(card)}

## Files

| File | |
|---|---|
{listed}

## Please cite

This potential (`CITATION.cff`), and

{cite}

Written by hpctrain {__version__}. No licence is stated here.
"""


def _in_lammps(card: Card, engine: Engine, use: Mapping[str, Any]) -> str:
    if "lammps" not in use:
        return ""
    types, text = " ".join(card["elements"]), "\n".join(["units metal", *use["lammps"]])
    needs = (
        f"\n{use['lammps_needs'][:1].upper()}{use['lammps_needs'][1:]}.\n"
        if "lammps_needs" in use
        else ""
    )
    return f"""
In LAMMPS with the package {engine.method.in_lammps}, atom types from 1: {types}

```
{text}
```
{needs}"""


def _energies(card: Card) -> str:
    known = card["reference_energies"]
    if known is None:
        return "The reference energies of this potential are not known."
    energies = ", ".join(f"{el} {value:.6g} eV" for el, value in known.items())
    return f"Here: {energies}, shift {card['shift'] or 0.0:.6g} eV."
