"""A potential as text, from its card."""

from __future__ import annotations

import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hpctrain.cli.terminal.layout import Column, fit_table, wrap
from hpctrain.cli.terminal.tables import day, file_size, indented, sides, table
from hpctrain.engines.usage import total_energy
from hpctrain.text import metrics_table, stress_gpa, verdict_words

if TYPE_CHECKING:
    from hpctrain.potentials.card import Card, CardVerification
    from hpctrain.potentials.collect import Collected
    from hpctrain.runs.result import Repulsion, Verification

WIDTH = 76


def card_page(card: Card, folder: Path, *, is_current: bool, width: int | None = None) -> str:
    """Write all that is needed to judge a potential and to use it; lines to copy stay whole."""
    from hpctrain.potentials.card import engine_of_card

    engine = engine_of_card(card)
    use = engine.usage(str(folder / card["name"]), card["elements"], card["files"])
    parts = [
        card["name"] + (" (the current one)" if is_current else ""),
        wrap(_what(card), width, " " * 14),
        "Errors (RMSE)\n" + indented(_errors(card)),
        "Verification\n" + wrap(indented(_verification(card)), width, " " * 10),
        "Energies\n" + wrap(indented(_energies(card, use)), width, " " * 4),
        "ASE, in the trainer's environment\n" + indented(use["ase"]),
    ]
    if "lammps" in use:
        parts.append(
            f"LAMMPS with {engine.method.in_lammps}, {_atom_types(card['elements'])}\n"
            + indented(["units metal", *use["lammps"]])
            + (f"\n{wrap(use['lammps_needs'], width)}" if "lammps_needs" in use else "")
        )
    if "ase_without_tensorflow" in use:
        parts.append(
            "The same without TensorFlow, in ASE and LAMMPS\n"
            + indented(use["ase_without_tensorflow"])
            + "\n"
            + indented(use["lammps_without_tensorflow"])
        )
    if "ase_extrapolation" in use:
        parts.append(
            "The extrapolation grade γ (above 1: extrapolates), with the active set\n"
            + indented(use["ase_extrapolation"])
            + "\n"
            + indented(use["lammps_extrapolation"])
        )
    elif engine.grading is not None:
        why = (card.get("active_set") or {}).get("why") or "made by an older version"
        parts.append(wrap(f"No active set, and so no extrapolation grade: {why}", width))
    parts.append("Please cite\n" + wrap(indented(use["cite"]), width, " " * 4))
    parts.append(f"the whole card: {folder / card['name']}.json")
    return "\n\n".join(parts)


def _atom_types(elements: Sequence[str]) -> str:
    types = "type 1" if len(elements) == 1 else f"types 1 … {len(elements)}"
    return f"atom {types} = {' '.join(elements)}"


def _what(card: Card) -> str:
    from hpctrain.potentials.card import main_file, main_suffix

    data, run = card["dataset"], card["run"]
    training = card["settings"]["training"]
    files = ", ".join(f"{file['path']} ({file_size(file.get('bytes'))})"
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
        ("origin", "trained by hand, and adopted" if card.get("origin") == "adopted" else ""),
        *(("not known", words) for words in card.get("unknown") or ()),
        ("data", sides(data)),
        ("training", f"{training['engine']} ({card['evaluator']}), cutoff "
         f"{_cutoff(training['cutoff'])}, {_size(card)}, "
         f"{card['metrics'].get('iterations', '?')} iterations"),
        ("stopped", str(card.get("stopped") or "")),
        ("repulsion", _repulsion(card.get("repulsion"))),
        *(("warning", str(warning)) for warning in card.get("warnings") or ()),
        ("run", f"{run['run_id']}{_site(card)}, ended {day(run.get('ended'))}"),
        ("archived", day(card.get("archived"))),
        ("files", files),
        ("sha256", f"{main_file(card)['sha256']} (.{main_suffix(card)})"),
    ]  # fmt: skip
    return "\n".join(f"{name:<12}  {words}" for name, words in lines if words)


def _site(card: Card) -> str:
    return "" if card.get("origin") == "adopted" else f" on {card['run']['site']['name']}"


def _cutoff(cutoff: float | None) -> str:
    return "not known" if cutoff is None else f"{cutoff:g} Å"


def _repulsion(placed: Repulsion | None) -> str:
    pairs = (placed or {}).get("pairs") or {}
    listed = ", ".join(f"{pair} {one['r_in']:.2f} Å" for pair, one in list(pairs.items())[:6])
    return listed and f"ZBL below {listed}{', …' * (len(pairs) > 6)}"


def _size(card: Card) -> str:
    """Say how large the potential is, and whether the job has chosen it."""
    from hpctrain.potentials.card import engine_of_card

    size = card.get("basis_size")
    if size:
        return f"{size['chosen']} (chosen of up to {size['cap']}) functions per element"
    return ", ".join(engine_of_card(card).summary(card["settings"]["training"], card["input"]))


def _errors(card: Card) -> list[str]:
    from hpctrain.potentials.card import main_suffix

    metrics = card["metrics"]
    sets = (("train", metrics["train"]), ("test", metrics["test"]),
            (f".{main_suffix(card)} on test", metrics.get("archived_file_on_test")))  # fmt: skip
    stresses = any(stress_gpa(one) is not None for _, one in sets)
    rows = [
        [title, _error(one["rmse_energy_mev_per_atom"], ".2f", "meV/atom"),
         _error(one["rmse_force_ev_per_a"], ".4f", "eV/Å"),
         *([_error(stress_gpa(one), ".3f", "GPa")] if stresses else []),
         f"{one['structures']} structures" if "structures" in one else ""]
        for title, one in sets if one and one["rmse_energy_mev_per_atom"] is not None
    ]  # fmt: skip
    return table(("", "energy", "force", *(["stress"] if stresses else []), ""), rows).splitlines()[
        1:
    ]


def _error(value: float | None, form: str, unit: str) -> str:
    return "not known" if value is None else f"{value:{form}} {unit}"


def _verification(card: Card) -> list[str]:
    verification = card.get("verification")
    if not verification:
        return ["not verified"]
    lines = [verdict_words(verification["verdict"], verification.get("checks", []))]
    lines += [
        f"{check['verdict']:<8}{check['title']}" + (f": {check['seen']}" if check["seen"] else "")
        for check in verification.get("checks", [])
    ]
    accepted = verification.get("accepted")
    return lines + ([f"accepted anyway: {accepted['why']}"] if accepted else [])


def _energies(card: Card, use: Mapping[str, Any]) -> list[str]:
    return [
        total_energy(card["reference_energies"], card["shift"] or 0.0),
        use["energy"]["formula"],
        use["energy"]["where"],
        use["units"],
    ]


def verdict_table(verification: Verification | CardVerification, width: int | None = None) -> str:
    """Write the checks of a verification, or of what a card keeps of it, and the verdict."""
    lines = []
    for check in verification["checks"]:
        lines.append([check["verdict"], _number(check["value"], check["unit"]), check["title"]])
        room = WIDTH if width is None else len(check["seen"]) + 1
        lines += [["", "", f"  {line}"] for line in textwrap.wrap(check["seen"], room)]
    columns = (Column("VERDICT"), Column("NUMBER", least=0), Column("CHECK", least=30))
    text = fit_table(columns, lines, width)
    words = verdict_words(verification["verdict"], verification["checks"])
    return f"{text}\n\nverdict: {words}"


def _number(value: float | None, unit: str | None) -> str:
    return "-" if value is None else f"{value:.3g} {unit or ''}".rstrip()


def collected_potential(one: Collected, width: int | None = None) -> str:
    """Write the errors of a collected potential, its checks, its files and how to use it."""
    from hpctrain.potentials.card import engine_of_card

    card, engine = one.card, engine_of_card(one.card)
    of_sets = {"train": card["metrics"]["train"], "test": card["metrics"]["test"]}
    metrics = {name: values for name, values in of_sets.items() if values is not None}
    header, rows = metrics_table(metrics)
    titles = ("", "RMSE energy (meV/atom)", "RMSE force (eV/Å)", "RMSE stress (GPa)")
    errors = table(titles[: 1 + len(header)], rows)
    lines = engine.usage(str(one.path.parent / one.name), card["elements"], card["files"])
    use = indented([*lines["ase"], *lines.get("lammps", [])])
    lammps = f", and from LAMMPS with {engine.method.in_lammps}" if "lammps" in lines else ""
    needs = f"\n{wrap(lines['lammps_needs'], width)}" if "lammps_needs" in lines else ""
    return "\n\n".join(
        (
            errors,
            _verification_or_why_not(card, width),
            "\n".join(_files(one)),
            f"Use it from ASE, in the trainer's environment{lammps}:\n"
            f"{use}{needs}\nfor all details: hpctrain potentials show {one.name}",
        )
    )


def _verification_or_why_not(card: Card, width: int | None) -> str:
    verification = card.get("verification")
    if not verification:
        why = card.get("not_verified", "archived before there were checks")
        words = f"not verified: {why}; to do it now: hpctrain verify {card['name']}"
        return wrap(words, width)
    text, accepted = verdict_table(verification, width), verification["accepted"]
    if accepted:
        words = f"accepted anyway: {accepted['why'] or 'no reason was given'}"
        text += "\n" + wrap(words, width)
    return text


def _files(one: Collected) -> list[str]:
    report = one.path.parent / "report" / one.name
    lines = [
        f"potential       {one.path}" + ("" if one.new else "  (archived before)"),
        f"card            {one.card_path}",
        f"learning curve  {report / 'learning_curve.png'}",
    ]
    if (report / "report.html").is_file():
        lines.append(f"report          {report / 'report.html'}")
    why = (one.card.get("active_set") or {}).get("why")
    return [*lines, f"no active set   {why}"] if why else lines
