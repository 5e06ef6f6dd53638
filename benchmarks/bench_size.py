"""The size of the basis and the cutoff: test errors of linear fits, on public sets and the demo.

    python benchmarks/bench_size.py FOLDER [--splits 1] [--sets cu1 alni …] [--keep results.jsonl]
        [--table]

FOLDER and results are as for bench_weights.py, whose linear fits these are, with κ 0.5. The numbers
of functions are measured with 6 Å, the cutoffs with 200 functions. The tables go into
docs/training.md, between their marks.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))
from bench_weights import linear, mean, prepared, sources
from tables import put_table

KAPPA, USUAL_CUTOFF, USUAL_FUNCTIONS = 0.5, 6.0, 200
FUNCTIONS = (20, 40, 100, 200, 300, 600)
CUTOFFS = (4.0, 5.0, 5.5, 6.0, 6.5, 7.0)
KEY = ("set", "split", "functions", "cutoff")


def work(splits: list[int], names: list[str]) -> Iterator[dict[str, Any]]:
    """What is to be measured: all sets in one split, then the next."""
    points = [(f, USUAL_CUTOFF) for f in FUNCTIONS] + [(USUAL_FUNCTIONS, c) for c in CUTOFFS]
    for split in splits:
        for name in names:
            for functions, cutoff in dict.fromkeys(points):
                yield {"set": name, "split": split, "functions": functions, "cutoff": cutoff}


def read(keep: Path) -> list[dict[str, Any]]:
    """The results that are there."""
    if not keep.exists():
        return []
    return [json.loads(line) for line in keep.read_text(encoding="utf-8").splitlines()]


def measure(given: argparse.Namespace, keep: Path) -> None:
    """Measure what is not there yet."""
    known = {tuple(row[name] for name in KEY) for row in read(keep)}
    with tempfile.TemporaryDirectory() as unpacked:
        files = sources(given.folder, Path(unpacked))
        for head in work(given.splits, given.sets or list(files)):
            if tuple(head[name] for name in KEY) in known:
                continue
            with tempfile.TemporaryDirectory() as place:
                run, attempt = prepared(Path(place), files[head["set"]], head["split"], KAPPA,
                                        (head["functions"], 0), head["cutoff"])  # fmt: skip
                facts = json.loads((run / "run.json").read_text())["dataset"]["train"]
                labels = facts["structures"] + 3 * facts["atoms"]
                for row in linear(attempt):
                    if row["kappa"] == KAPPA:
                        with keep.open("a", encoding="utf-8") as file:
                            print(json.dumps({**head, "labels": labels, **row}), file=file)
                            print({**head, "labels": labels, **row}, flush=True)


def table(rows: list[dict[str, Any]], key: str, values: tuple[float, ...]) -> Iterator[str]:
    """One row a set, one column a value."""
    unit = " Å" if key == "cutoff" else ""
    yield f"| set | labels | {' | '.join(f'{value:g}{unit}' for value in values)} |"
    yield "|---" * (2 + len(values)) + "|"
    for name in sorted({row["set"] for row in rows}):
        own = [row for row in rows if row["set"] == name]
        cells = []
        for value in values:
            some = [row for row in own if row[key] == value]
            cells.append(
                f"{mean([r['energy'] for r in some]):.3g} / {mean([r['force'] for r in some]):.3g}"
                if some else ""
            )  # fmt: skip
        yield f"| {name} | {own[0]['labels']:,} | {' | '.join(cells)} |"


def write(rows: list[dict[str, Any]], splits: list[int]) -> None:
    """Write both tables into the page."""
    rows = [row for row in rows if row["split"] in splits]
    sizes = [row for row in rows if row["cutoff"] == USUAL_CUTOFF]
    cutoffs = [row for row in rows if row["functions"] == USUAL_FUNCTIONS]
    text = [
        f"`python benchmarks/bench_size.py FOLDER --splits {' '.join(map(str, splits))}`. "
        "Test errors, meV/atom / meV/Å; labels are the energies and force components to train on.",
        "", f"By the functions per element, {USUAL_CUTOFF:g} Å:", "",
        *table(sizes, "functions", FUNCTIONS), "",
        f"By the cutoff, {USUAL_FUNCTIONS} functions per element:", "",
        *table(cutoffs, "cutoff", CUTOFFS),
    ]  # fmt: skip
    put_table("bench-size", "\n".join(text))
    print("\n".join(text))


def main() -> None:
    """Measure, and write."""
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--splits", type=int, nargs="+", default=[1])
    parser.add_argument("--sets", nargs="+")
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--table", action="store_true")
    given = parser.parse_args()
    keep = given.keep or Path(tempfile.mkdtemp()) / "results.jsonl"
    if not given.table:
        measure(given, keep)
    write(read(keep), given.splits)


if __name__ == "__main__":
    main()
