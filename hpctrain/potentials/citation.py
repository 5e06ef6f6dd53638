"""The CITATION.cff (version 1.2.0) of an exported potential, as Zenodo reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from hpctrain.potentials.card import Card
from hpctrain.text import rmse

MESSAGE = "If you use this potential, please cite it, and the works on the method under references."


def _article(
    title: str, family: str, given: str, journal: str, volume: int, start: str, year: int, doi: str,
    *, others: bool = True,
) -> dict[str, Any]:  # fmt: skip
    authors: list[dict[str, str]] = [{"family-names": family, "given-names": given}]
    return {
        "type": "article",
        "title": title,
        "authors": [*authors, {"name": "et al."}] if others else authors,
        "journal": journal,
        "volume": volume,
        "start": start,
        "year": year,
        "doi": doi,
    }


# The works of engines.pacemaker.usage, as CITATION.cff wants them.
_METHOD = [
    _article(
        "Atomic cluster expansion for accurate and transferable interatomic potentials",
        "Drautz", "Ralf", "Physical Review B", 99, "014104", 2019, "10.1103/PhysRevB.99.014104",
        others=False,
    ),
    _article(
        "Performant implementation of the atomic cluster expansion (PACE) and application to "
        "copper and silicon",
        "Lysogorskiy", "Yury", "npj Computational Materials", 7, "97", 2021,
        "10.1038/s41524-021-00559-9",
    ),
    _article(
        "Efficient parametrization of the atomic cluster expansion",
        "Bochkarev", "Anton", "Physical Review Materials", 6, "013804", 2022,
        "10.1103/PhysRevMaterials.6.013804",
    ),
]  # fmt: skip
_ACTIVE_SET = _article(
    "Active learning strategies for atomic cluster expansion models",
    "Lysogorskiy", "Yury", "Physical Review Materials", 7, "043801", 2023,
    "10.1103/PhysRevMaterials.7.043801",
)  # fmt: skip


def citation(card: Card, authors: Sequence[str], user: str) -> str:
    """Write CITATION.cff for a potential.

    An author is ``Family, Given``, or the name of an organisation. Without authors, there must be
    one all the same, it is the user's account.
    """
    import yaml

    elements = "-".join(card["elements"])
    content = {
        "cff-version": "1.2.0",
        "message": MESSAGE,
        "type": "dataset",
        "title": f"{card['name']}: an ACE interatomic potential for {elements}",
        "abstract": _abstract(card),
        "authors": [_author(author) for author in authors] or [{"alias": user}],
        "date-released": card["archived"][:10],
        "version": card["name"],
        "keywords": ["interatomic potential", "atomic cluster expansion", *card["elements"]],
        "identifiers": [
            {
                "type": "other",
                "value": f"sha256:{card['files']['yace']['sha256']}",
                "description": f"the file {card['files']['yace']['path']}",
            }
        ],
        "references": [*_METHOD, *([_ACTIVE_SET] if "asi" in card["files"] else [])],
    }
    text: str = yaml.safe_dump(content, sort_keys=False, allow_unicode=True, width=100)
    return text


def _author(author: str) -> dict[str, str]:
    family, comma, given = author.partition(",")
    if comma:
        return {"family-names": family.strip(), "given-names": given.strip()}
    return {"name": author.strip()}


def _abstract(card: Card) -> str:
    train, test = card["dataset"]["train"], card["dataset"]["test"]
    errors = card["metrics"]["test"]
    words = (
        f"An interatomic potential (atomic cluster expansion, trained with Pacemaker) for "
        f"{', '.join(card['elements'])}."
    )
    if train is not None:
        words += f" Trained on {train['structures']} structures."
    if test is not None and errors is not None:
        words += (
            f" RMSE on {test['structures']} other structures: {rmse(errors)} "
            "(energy in meV/atom / force component in eV/Å)."
        )
    return words
