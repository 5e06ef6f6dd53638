"""The beginning of a training that goes on from an archived potential.

Called in the attempt's folder, in the trainer's environment, as:
python -m job.pacemaker.start_from PARENT.yaml INPUT.json. Writes start.yaml, which pacemaker is
given with -p: the parent, its core repulsion taken out again (the fit adds one for its own data at
its end), and every function of the input's basis that it lacks, with coefficients 0, so that the
first loss is that of the parent. start.json tells how many there are.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from pyace.basis import BBasisConfiguration
from pyace.basisextension import construct_bbasisconfiguration
from pyace.multispecies_basisextension import extend_multispecies_basis

from ..evidence import write_json

# Pacemaker keeps those of the parent's blocks, whatever the input says (0.4.0rc1,
# multispecies_basisextension.extend_basis_block).
KEPT = ("npoti", "fs_parameters", "ndensityi", "rcutij", "dcutij", "NameOfCutoffFunctionij",
        "radbase", "radparameters")  # fmt: skip
# What set_core_rep sets at the end of a fit.
REPULSION = ("core_rep_parameters", "r_in", "delta_in", "inner_cutoff_type", "rho_cut", "drho_cut")


class Unfit(Exception):
    """A training cannot go on from the parent: why, in words for the user."""


def extend(parent: Any, target: Any) -> Any:
    """Return the potential to begin with: the parent's coefficients in the target's basis.

    The repulsion is taken out of ``parent`` first: without it in the blocks of new elements too,
    python-ace would not extend it.
    """
    wanted = {block.block_name: block for block in target.funcspecs_blocks}
    blocks = parent.funcspecs_blocks  # copies: they are given back below
    for block in blocks:
        if block.block_name not in wanted:
            raise Unfit(f"the parent has functions of {block.block_name}, the input has none")
        for key in KEPT:
            theirs, ours = getattr(block, key), getattr(wanted[block.block_name], key)
            if theirs != ours:
                raise Unfit(f"{key} of {block.block_name} is {theirs} in the parent and {ours} in "
                            "the input: the trainer would keep the parent's")  # fmt: skip
        for key in REPULSION:
            setattr(block, key, getattr(wanted[block.block_name], key))
    parent.funcspecs_blocks = blocks
    return extend_multispecies_basis(parent, target)


def main(parent_file: str, input_file: str) -> int:
    """Write start.yaml and start.json into the current folder."""
    parent = BBasisConfiguration(parent_file)
    asked = json.loads(Path(input_file).read_text(encoding="utf-8"))["potential"]
    target = construct_bbasisconfiguration(asked)
    try:
        start = extend(parent, target)
    except Unfit as problem:
        print(problem)
        return 1
    start.save("start.yaml")
    counts = {
        "parent_functions": parent.total_number_of_functions,
        "functions": start.total_number_of_functions,
        "parameters": len(start.get_all_coeffs()),
    }
    print("{functions} functions, {parent_functions} of them the parent's".format(**counts))
    write_json("start.json", counts)
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
