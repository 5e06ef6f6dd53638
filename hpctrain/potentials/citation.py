"""The CITATION.cff (version 1.2.0) of an exported potential, as Zenodo reads it. Pure."""

from __future__ import annotations

from collections.abc import Sequence

from hpctrain.potentials.card import Card, engine_of_card, main_file
from hpctrain.text import rmse

MESSAGE = "If you use this potential, please cite it, and the works on the method under references."


def citation(card: Card, authors: Sequence[str], user: str) -> str:
    """Write CITATION.cff for a potential.

    An author is ``Family, Given``, or the name of an organisation. Without authors, there must be
    one all the same, it is the user's account.
    """
    import yaml

    elements, main, engine = "-".join(card["elements"]), main_file(card), engine_of_card(card)
    content = {
        "cff-version": "1.2.0",
        "message": MESSAGE,
        "type": "dataset",
        "title": f"{card['name']}: {engine.method.short} interatomic potential for {elements}",
        "abstract": _abstract(card),
        "authors": [_author(author) for author in authors] or [{"alias": user}],
        "date-released": card["archived"][:10],
        "version": card["name"],
        "keywords": ["interatomic potential", engine.method.name, *card["elements"]],
        "identifiers": [
            {
                "type": "other",
                "value": f"sha256:{main['sha256']}",
                "description": f"the file {main['path']}",
            }
        ],
        "references": engine.works(card["files"]),
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
    engine = engine_of_card(card)
    words = (
        f"An interatomic potential ({engine.method.name}, trained with {engine.title}) for "
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
