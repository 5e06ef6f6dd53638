"""Rate and memory of the export, and of the conversion in the job, against ASE.

    python benchmarks/bench_export.py [STRUCTURES ...]

10,000 and 100,000 structures of 32 atoms unless other numbers are given; 1000000 takes 15 GB of
disk for a while. Prints a table and writes it to docs/benchmarks.md. Each figure comes from a
process of its own, which does nothing else. Nothing is asserted.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import resource
import sqlite3
import subprocess  # noqa: TID251
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
PAGE = HERE.parents[1] / "docs" / "benchmarks.md"
SIZES = (10_000, 100_000)
# ASE holds all structures at once: more would measure the machine's memory.
MOST_FOR_ASE = 100_000
ATOMS = 32
MADE_BY_ASE = 100

# What is measured runs in processes of its own, and a process inherits the peak of the one that
# starts it (Linux counts it through execve): what needs memory is imported in there only.


def make(path: str, count: str) -> None:
    """A database of ``count`` rows: ASE writes the first, SQL copies them with other numbers."""
    import ase.db  # noqa: TID251
    import numpy as np
    from ase import Atoms  # noqa: TID251
    from ase.calculators.singlepoint import SinglePointCalculator  # noqa: TID251

    draw = np.random.default_rng(1)

    def positions() -> Any:
        return draw.uniform(0, 10, (ATOMS, 3))

    with ase.db.connect(path) as db:
        for i in range(MADE_BY_ASE):
            numbers = draw.choice([13, 29], ATOMS)
            atoms = Atoms(numbers=numbers, positions=positions(), cell=np.eye(3) * 10, pbc=True)
            atoms.calc = SinglePointCalculator(
                atoms,
                energy=draw.normal(),
                forces=draw.normal(size=(ATOMS, 3)),
                stress=draw.normal(size=6),
            )
            db.write(atoms, status="completed", config_type=f"kind_{i % 5}", generation=i % 3)

    connection = sqlite3.connect(path)
    connection.execute("pragma synchronous = off")
    connection.execute("pragma journal_mode = off")
    place = {row[1]: row[0] for row in connection.execute("pragma table_info(systems)")}
    first = connection.execute("select * from systems order by id").fetchall()

    def rows() -> Iterator[list[Any]]:
        for number in range(MADE_BY_ASE + 1, int(count) + 1):
            row = list(first[number % MADE_BY_ASE])
            row[place["id"]], row[place["unique_id"]] = number, f"{number:032x}"
            row[place["positions"]] = positions().tobytes()
            row[place["forces"]] = draw.normal(size=(ATOMS, 3)).tobytes()
            row[place["stress"]] = draw.normal(size=6).tobytes()
            row[place["energy"]] = draw.normal()
            yield row

    def insert(table: str, columns: int, values: Iterator[Any]) -> None:
        marks = ", ".join("?" * columns)
        connection.executemany(f"insert into {table} values ({marks})", values)  # noqa: S608

    insert("systems", len(place), rows())
    for table in ("species", "keys", "text_key_values", "number_key_values"):
        of_row = defaultdict(list)
        for *values, number in connection.execute(f"select * from {table}").fetchall():  # noqa: S608
            of_row[number].append(values)
        insert(
            table,
            1 + len(next(iter(of_row.values()))[0]),
            (
                (*values, number)
                for number in range(MADE_BY_ASE + 1, int(count) + 1)
                for values in of_row[first[number % MADE_BY_ASE][place["id"]]]
            ),
        )
    connection.commit()
    connection.close()


def export(path: str, target: str) -> Callable[[], object]:
    from hpctrain.data.export import export
    from hpctrain.settings import DataConfig

    data = DataConfig(source=path, select="status=completed" if path.endswith(".db") else "")
    return lambda: export(data, Path(), Path(target), cutoff=6.0)


def export_by_ase(path: str, target: str) -> Callable[[], object]:
    import ase.db  # noqa: TID251
    import ase.io  # noqa: TID251

    def action() -> None:
        db = ase.db.connect(path)
        structures = [row.toatoms() for row in db.select("status=completed")]
        ase.io.write(target, structures, format="extxyz")

    return action


def export_xyz_by_ase(path: str, target: str) -> Callable[[], object]:
    import ase.io  # noqa: TID251

    def action() -> None:
        ase.io.write(target, list(ase.io.iread(path, ":", format="extxyz")), format="extxyz")

    return action


def convert(path: str, target: str) -> Callable[[], object]:
    from hpctrain.job.pacemaker import convert as module

    return lambda: module.convert(path, target)


def convert_by_ase(path: str, target: str) -> Callable[[], object]:
    import ase.io  # noqa: TID251
    import pandas

    def action() -> None:
        structures = list(ase.io.iread(path, ":", format="extxyz"))
        pandas.DataFrame(
            {
                "ase_atoms": structures,
                "energy": [atoms.get_potential_energy() for atoms in structures],
                "forces": [atoms.get_forces() for atoms in structures],
            }
        ).to_pickle(target, compression={"method": "gzip", "compresslevel": 1})

    return action


MEASURED = {
    "export": export,
    "export_by_ase": export_by_ase,
    "export, extxyz": export,
    "export, extxyz_by_ase": export_xyz_by_ase,
    "convert": convert,
    "convert_by_ase": convert_by_ase,
}


def child(*argv: str) -> dict[str, float]:
    began, used = time.perf_counter(), cpu_seconds()
    said = subprocess.run(
        [sys.executable, str(HERE), "--child", *argv], check=True, capture_output=True, text=True
    )
    figures: dict[str, float] = json.loads(said.stdout.splitlines()[-1])
    return figures | {"seconds": time.perf_counter() - began, "cpu": cpu_seconds() - used}


def cpu_seconds() -> float:
    """Of all processes that have ended, those that they started included."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def in_the_child(name: str, *arguments: str) -> None:
    """Do one thing, and print the most memory that the process ever had."""
    if name == make.__name__:
        make(*arguments)
        print("{}")
        return
    MEASURED[name](*arguments)()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"megabytes": peak}))


def measure(count: int, folder: Path) -> list[tuple[str, ...]]:
    """The rows of the table."""
    say(f"{count:,} structures: making the database")
    database = folder / "data.db"
    child("make", str(database), str(count))
    out, pickle = folder / "out", folder / "data.pckl.gzip"
    steps = [
        ("export", str(database), str(out), "all.extxyz"),
        ("export, extxyz", str(out / "train.extxyz"), str(folder / "again"), "again.extxyz"),
        ("convert", str(out / "train.extxyz"), str(pickle), str(pickle)),
    ]
    rows = []
    for name, source, target, target_of_ase in steps:
        say(f"{count:,} structures: {name}")
        mine = child(name, source, target)
        done = count
        if name != "export":
            with (out / "train.extxyz").open() as file:
                done = sum(line.startswith("Lattice") for line in file)
        theirs = None
        if count <= MOST_FOR_ASE:
            say(f"{count:,} structures: {name}, ASE")
            theirs = child(f"{name}_by_ase", source, str(folder / target_of_ase))
        rows += compared(f"{done:,}", name, done, mine, theirs)
    return rows


def compared(
    size: str, name: str, count: int, mine: dict[str, float], theirs: dict[str, float] | None
) -> list[tuple[str, ...]]:
    rate, cpu, peak = count / mine["seconds"], mine["cpu"] / count * 1e6, mine["megabytes"]
    if theirs is None:
        return [
            (size, f"{name}, structures/s", f"{rate:,.0f}", "–", "–"),
            (size, f"{name}, CPU µs/structure", f"{cpu:,.0f}", "–", "–"),
            (size, f"{name}, peak MB", f"{peak:,.0f}", "–", "–"),
        ]
    other, other_peak = count / theirs["seconds"], theirs["megabytes"]
    other_cpu = theirs["cpu"] / count * 1e6
    return [
        (size, f"{name}, structures/s", f"{rate:,.0f}", f"{other:,.0f}", f"{rate / other:.1f} ×"),
        (size, f"{name}, CPU µs/structure", f"{cpu:,.0f}", f"{other_cpu:,.0f}",
         f"{other_cpu / cpu:.1f} ×"),
        (size, f"{name}, peak MB", f"{peak:,.0f}", f"{other_peak:,.0f}",
         f"1 / {other_peak / peak:.1f}"),
    ]  # fmt: skip


def say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def page(rows: list[tuple[str, ...]], arguments: list[str]) -> str:
    versions = f"Python {platform.python_version()}, " + ", ".join(
        f"{name} {importlib.metadata.version(name)}" for name in ("ase", "numpy", "pandas")
    )
    table = [
        ("Structures", "", "hpctrain", "ASE", "Ratio"),
        ("---:", "---", "---:", "---:", "---:"),
        *rows,
    ]
    return f"""# Benchmarks

Speed and memory of hpctrain's export, compared with ASE. `make bench` writes this page. Machines
differ, so look at the ratios. The other numbers are for one machine:
{os.cpu_count()} cores ({platform.machine()}), {versions}.

The command: `{" ".join(["python benchmarks/bench_export.py", *arguments])}`

{chr(10).join("| " + " | ".join(row) + " |" for row in table)}

- The structures have {ATOMS} atoms, energy, forces and stress. They are in an ASE SQLite database
  that has just been written.
- **export**: `hpctrain export`, which also checks, hashes and splits. ASE's part is
  `[row.toatoms() for row in db.select("status=completed")]` and `ase.io.write`, which writes eight
  decimals of positions and forces. hpctrain writes all digits.
- **export, extxyz**: the same, from the `train.extxyz` that the first export has written. ASE's
  part is `ase.io.iread` and `ase.io.write`.
- **convert**: the job's step from `train.extxyz` to `train.pckl.gzip`. ASE's part is `ase.io.iread`
  and `DataFrame.to_pickle` with the same compression.
- Each number comes from a separate process. Times are of the whole process, with Python's start and
  imports. CPU times include the helper processes; on a busy machine they tell more than the rates.
- hpctrain reads large sources with as many processes as there are cores, four at most.
- The peak is the largest resident memory of the main process. Each helper process has about 50 MB,
  much of it shared.
- Above {MOST_FOR_ASE:,} structures ASE is not measured, because it keeps all of them in memory.
"""


def main(arguments: list[str]) -> None:
    rows = []
    for count in [int(argument) for argument in arguments] or SIZES:
        with tempfile.TemporaryDirectory(prefix="hpctrain-bench-") as folder:
            rows += measure(count, Path(folder))
    text = page(rows, arguments)
    # What another benchmark has put there stays.
    _, heading, others = PAGE.read_text(encoding="utf-8").partition("\n## ")
    PAGE.write_text(text + heading + others, encoding="utf-8")
    print(text)


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        in_the_child(*sys.argv[2:])
    else:
        main(sys.argv[1:])
