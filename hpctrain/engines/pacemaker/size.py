"""How large a basis the data can bear, and how large a batch the memory. Pure."""

from __future__ import annotations

from hpctrain.engines.pacemaker.cost import batch_bytes
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
