"""All proposals for a hpctrain.yaml, from the facts of the data. Pure."""

from __future__ import annotations

from dataclasses import dataclass

from hpctrain.propose.data import propose_data
from hpctrain.propose.look import Facts
from hpctrain.propose.proposal import Proposal
from hpctrain.propose.training import propose_training


@dataclass(frozen=True)
class Proposals:
    """The lines of both sections; ``questions`` are those that only the user can answer."""

    data: list[Proposal]
    training: list[Proposal]
    questions: list[str]
    warnings: list[str]


def propose(facts: Facts, source: str | list[str], *, is_database: bool) -> Proposals:
    """Propose settings for the rows that were looked at; ``source`` is as it is to be written."""
    questions: list[str] = []
    warnings: list[str] = []
    data = propose_data(facts, source, questions, warnings, is_database=is_database)
    return Proposals(data, propose_training(facts), questions, warnings)
