"""How large a basis the data can bear, and how large a batch the memory. Pure."""

from __future__ import annotations

from collections.abc import Iterator

from hpctrain.engines.facts import LabelFacts, Proposed
from hpctrain.engines.pacemaker.cost import batch_bytes, expected_parameters
from hpctrain.engines.pacemaker.faults import functions_offered

# Labels (energies and force components) for each function, at least. With fewer the linear fits of
# some public sets were worse with more functions; see docs/training.md.
LABELS_PER_FUNCTION = 8
# Functions per element that are chosen among; the last is the default.
SIZES = (10, 15, 20, 30, 40, 60, 80, 100, 150, 200, 300)
MOST_BATCH_BYTES = 4e9
DEFAULT_BATCH = 100


def choose_functions(labels: int, elements: int) -> int:
    """Return how many functions per element ``labels`` (energies, force components) can bear."""
    least, most = functions_offered(elements)
    sizes = [size for size in SIZES if least <= size <= most] or [least]
    borne = [one for one in sizes if one * elements * LABELS_PER_FUNCTION <= labels]
    return max(borne, default=sizes[0])


def choose_batch(pairs: float, functions: int) -> int:
    """Return the structures per batch; ``pairs`` of neighbours in one structure, on average."""
    each = max(pairs, 1.0) * batch_bytes(functions)
    return max(1, min(DEFAULT_BATCH, int(MOST_BATCH_BYTES / each)))


def propose(facts: LabelFacts) -> Iterator[Proposed]:
    """Propose the number of functions; batch and evaluator where the defaults would not do."""
    functions = choose_functions(facts.labels, facts.elements)
    each = facts.labels / (functions * facts.elements)
    why = f"more would have fewer than {LABELS_PER_FUNCTION} of them for each function"
    if each < LABELS_PER_FUNCTION:
        why = f"that is {each:.1f} for each function, and {LABELS_PER_FUNCTION} are wanted"
    elif functions == SIZES[-1]:
        why = "the default; more are more accurate, and slower"
    yield Proposed(
        "b_basis_size",
        functions,
        f"functions per element, about {expected_parameters(functions, facts.elements):,} "
        f"parameters in all, for {facts.labels:,} energies and force components to train on: {why}",
    )
    batch = choose_batch(facts.pairs, functions)
    if batch < DEFAULT_BATCH and batch < facts.structures:
        yield Proposed(
            "batch_size", batch, f"structures: of {DEFAULT_BATCH} a batch would take more "
            f"than {MOST_BATCH_BYTES / 1e9:.0f} GB of memory",
        )  # fmt: skip
    if facts.mixed_pbc:
        yield Proposed(
            "evaluator", "pyace", f"{facts.mixed_pbc:,} structure{'s' * (facts.mixed_pbc != 1)} "
            "periodic in some directions only, which tensorpot cannot take",
        )  # fmt: skip
