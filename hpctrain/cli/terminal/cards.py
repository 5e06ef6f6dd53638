"""What the archive tells, as a person reads it. Cards in, text out."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

from hpctrain.cli.terminal.tables import rmse, table
from hpctrain.engines.pacemaker.usage import total_energy, usage
from hpctrain.potentials.archive import number_of
from hpctrain.potentials.audit import Audit
from hpctrain.potentials.current import Pointer

NOT_VERIFIED = "not verified"
MOST_IDS = 10


def short(card: Mapping[str, Any]) -> dict[str, Any]:
    """A line of the list, as ``--json`` tells it."""
    numbers = number_of(card["name"])
    return {
        "name": card["name"],
        "generation": card["generation"],
        "revision": numbers[1] if numbers else None,
        "sha256": card["files"]["yace"]["sha256"],
        "bytes": card["files"]["yace"].get("bytes"),
        "archived": card.get("archived"),
        "train": card["metrics"]["train"],
        "test": card["metrics"]["test"],
        "verdict": (card.get("verification") or {}).get("verdict"),
        "active_set": "asi" in card["files"],
        "parents": [parent["name"] for parent in card.get("parents") or []],
        "run_id": card["run"]["run_id"],
    }


def listed(potentials: Sequence[Mapping[str, Any]]) -> str:
    rows = [
        ["*" if one["current"] else "", one["name"], str(one["generation"]),
         str(one["revision"]), rmse(one["train"]), rmse(one["test"]),
         one["verdict"] or NOT_VERIFIED, _day(one["archived"]), _size(one["bytes"]),
         one["run_id"]]
        for one in potentials
    ]  # fmt: skip
    header = ("", "NAME", "GEN", "REV", "TRAIN", "TEST", "VERDICT", "DATE", "SIZE", "RUN")
    return (
        f"{table(header, rows)}\n\nTRAIN and TEST: RMSE of energies (meV/atom) / forces (eV/Å)"
        + ("\n* the current one" if any(one["current"] for one in potentials) else "")
    )


def page(card: Mapping[str, Any], folder: Path, *, is_current: bool) -> str:
    """All that is needed to judge a potential and to use it."""
    found = usage(str(folder / card["name"]), card["elements"], "asi" in card["files"])
    parts = [
        card["name"] + (" (the current one)" if is_current else ""),
        _what(card),
        "Errors (RMSE)\n" + _indented(_errors(card)),
        "Verification\n" + _indented(_verification(card)),
        "Energies\n" + _indented(_energies(card, found)),
        "ASE, in the trainer's environment\n" + _indented(found["ase"]),
        f"LAMMPS with ML-PACE, atom types 1 … {len(card['elements'])} = "
        f"{' '.join(card['elements'])}\n" + _indented(["units metal", *found["lammps"]]),
    ]
    if "ase_extrapolation" in found:
        parts.append(
            "The extrapolation grade γ (above 1: extrapolates), with the active set\n"
            + _indented(found["ase_extrapolation"])
            + "\n"
            + _indented(found["lammps_extrapolation"])
        )
    else:
        why = (card.get("active_set") or {}).get("why") or "made by an older version"
        parts.append(f"No active set, and so no extrapolation grade: {why}")
    parts.append("Please cite\n" + _indented(found["cite"]))
    parts.append(f"all of the card: {folder / card['name']}.json")
    return "\n\n".join(parts)


def _what(card: Mapping[str, Any]) -> str:
    data, run = card["dataset"], card["run"]
    training = card["settings"]["training"]
    files = ", ".join(f"{file['path']} ({_size(file.get('bytes'))})"
                      for file in card["files"].values())  # fmt: skip
    parents = ", ".join(
        parent["name"] + (
            f" ({parent['parent_functions']} of {parent['functions']} functions)"
            if "functions" in parent else ""
        )
        for parent in card.get("parents") or []
    )  # fmt: skip
    lines = [
        ("generation", str(card["generation"])),
        ("elements", " ".join(card["elements"])),
        ("goes on from", parents),
        ("data", f"train {data['train']['structures']} structures ({data['train']['atoms']} "
         f"atoms), test {data['test']['structures']} ({data['test']['atoms']} atoms)"),
        ("training", f"{training['engine']} ({card['evaluator']}), cutoff "
         f"{training['cutoff']:g} Å, {training['b_basis_size']} functions per element, "
         f"{card['metrics'].get('iterations', '?')} iterations"),
        ("stopped", str(card.get("stopped") or "")),
        ("run", f"{run['run_id']} on {run['site']['name']}, ended {_day(run.get('ended'))}"),
        ("archived", _day(card.get("archived"))),
        ("files", files),
        ("sha256", f"{card['files']['yace']['sha256']} (.yace)"),
    ]  # fmt: skip
    return "\n".join(f"{name:<12}  {words}" for name, words in lines if words)


def _errors(card: Mapping[str, Any]) -> list[str]:
    metrics = card["metrics"]
    names = (("train", "train"), ("test", "test"), ("archived_file_on_test", ".yace on test"))
    rows = [
        [title, f"{one['rmse_energy_mev_per_atom']:.2f} meV/atom",
         f"{one['rmse_force_ev_per_a']:.4f} eV/Å", f"{one.get('structures', '?')} structures"]
        for key, title in names if (one := metrics.get(key))
    ]  # fmt: skip
    return table(("", "energy", "force", ""), rows).splitlines()[1:]


def _verification(card: Mapping[str, Any]) -> list[str]:
    found = card.get("verification")
    if not found:
        return [NOT_VERIFIED]
    lines = [str(found["verdict"])]
    lines += [
        f"{check['verdict']:<8}{check['title']}" + (f": {check['seen']}" if check["seen"] else "")
        for check in found.get("checks", [])
    ]
    accepted = found.get("accepted")
    return lines + ([f"accepted all the same: {accepted['why']}"] if accepted else [])


def _energies(card: Mapping[str, Any], found: Mapping[str, Any]) -> list[str]:
    return [
        total_energy(card["reference_energies"], card["shift"]),
        found["energy"]["formula"],
        found["energy"]["where"],
        found["units"],
    ]


def audited(audit: Audit) -> str:
    rows = [["", finding.what, finding.state] for finding in audit.findings]
    text = table(("", audit.name, "as archived" if audit.ok else "NOT AS ARCHIVED"), rows)
    whys = [f"  {f.what}: {f.why}" for f in audit.findings if f.why]
    return "\n".join([text, *whys])


def compared(found: Mapping[str, Any]) -> str:
    """Two potentials side by side; what is the same is left out."""
    a, b = found["names"]
    parts = [f"A  {a}\nB  {b}"]
    for title, key in (("Settings", "settings"), ("Trainer's input", "input"),
                       ("Versions", "versions"), ("Reference energies (eV)", "reference_energies"),
                       ):  # fmt: skip
        rows = [["", name, _told(old), _told(new)] for name, (old, new) in found[key].items()]
        text = table(("", title, "A", "B"), rows) if rows else f"{title}: the same"
        parts.append(text)
    parts.append(_data(found["data"]))
    parts.append("Errors as in the cards, each on its own data\n" + "\n".join(
        f"  {side:<6}A {rmse(found['errors'][side][0])}   B {rmse(found['errors'][side][1])}"
        for side in ("train", "test")
    ))  # fmt: skip
    common = found["common"]
    lines = [f"Errors on the same structures: {common['set'] or 'not known which'}"]
    if common["errors"] is None:
        lines.append(f"  not computed: {common['why']}")
    else:
        lines.append(f"        A {rmse(common['errors'][0])}   B {rmse(common['errors'][1])}")
    parts.append("\n".join(lines))
    return "\n\n".join(parts) + "\n\nRMSE of energies (meV/atom) / forces (eV/Å)"


def _data(data: Mapping[str, Any]) -> str:
    if data["same"]:
        return "Data: the same structures, on the same sides"
    counts = data["structures"]
    lines = [
        f"Data    train {counts['train'][0]} → {counts['train'][1]} structures, "
        f"test {counts['test'][0]} → {counts['test'][1]}"
    ]
    if data["sources"][0] != data["sources"][1]:
        lines.append(f"  source {data['sources'][0]} → {data['sources'][1]}: "
                     "the same row ids may mean other structures")  # fmt: skip
    for key, words in (("added", "added"), ("removed", "removed"), ("changed", "changed"),
                       ("to_test", "from train to test"),
                       ("to_train", "from test to train")):  # fmt: skip
        ids = data[key]
        if ids:
            some = ", ".join(ids[:MOST_IDS]) + ", …" * (len(ids) > MOST_IDS)
            lines.append(f"  {words}: {len(ids)} (row {some})")
    return "\n".join(lines)


def pointed(pointer: Pointer) -> str:
    if pointer.name is None:
        return "no potential is the current one; choose one: hpctrain potentials current NAME"
    lines = [f"{pointer.name} is the current one"]
    lines += [f"  {link}" for link in pointer.links]
    lines += [
        f"{_day(move['time'])}  {move['from'] or 'none'} → {move['to']}  ({move['by']})"
        for move in pointer.history
    ]
    return "\n".join(lines)


def _told(value: Any) -> str:
    return "–" if value is None else str(value)


def _indented(lines: Sequence[str]) -> str:
    return "\n".join(f"  {line}" for line in lines)


def _day(time: str | float | None) -> str:
    """In the reader's own time zone; an ISO time, or seconds as the job notes them."""
    if time is None:
        return "-"
    moment = (
        datetime.fromtimestamp(time).astimezone()
        if isinstance(time, (int, float))
        else datetime.fromisoformat(time).astimezone()
    )
    return moment.strftime("%Y-%m-%d %H:%M")


def _size(size: int | None) -> str:
    if size is None:
        return "-"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.1f} kB"
