"""A program of its own: a pickled table of structures to lines of JSON.

    python -m hpctrain.data.sources.pickle_process TABLE.pckl.gzip ROWS

Unpickling calls whatever functions a file names. Here it gets those of a short list: what makes up
arrays, tables and structures. Anything else is refused by its name before it is looked up; of other
classes of ase (constraints, calculators) only the attributes are kept.
"""

from __future__ import annotations

import bz2
import gzip
import json
import lzma
import math
import os
import pickle
import sys
from pathlib import Path
from typing import Any, ClassVar

import numpy as np

# Arrays and numbers of numpy, containers of pandas, structures of ase.
_NUMPY = ("numpy._core", "numpy.core")
# Module → names. Functions among them only build containers of their arguments.
ALLOWED: dict[str, frozenset[str]] = {
    "ase.atoms": frozenset({"Atoms"}),
    "ase.cell": frozenset({"Cell"}),
    "builtins": frozenset({"complex", "slice"}),
    "numpy": frozenset({
        "ndarray", "dtype", "bool_", "float16", "float32", "float64", "int8", "int16", "int32",
        "int64", "uint8", "uint16", "uint32", "uint64", "str_",
    }),
    "numpy.dtypes": frozenset({"Float64DType", "Int64DType", "ObjectDType", "StrDType"}),
    # As pandas 3 names its classes; below, as versions before did.
    "pandas": frozenset({
        "DataFrame", "Series", "Index", "RangeIndex", "MultiIndex", "StringDtype",
    }),
    "pandas.arrays": frozenset({"NumpyExtensionArray", "StringArray"}),
    "pandas.core.frame": frozenset({"DataFrame"}),
    "pandas.core.series": frozenset({"Series"}),
    "pandas.core.indexes.base": frozenset({"Index", "_new_Index"}),
    "pandas.core.indexes.range": frozenset({"RangeIndex"}),
    "pandas.core.indexes.multi": frozenset({"MultiIndex"}),
    "pandas.core.indexes.numeric": frozenset({"Int64Index", "UInt64Index", "Float64Index"}),
    "pandas.core.internals.managers": frozenset({"BlockManager", "SingleBlockManager"}),
    "pandas.core.internals.blocks": frozenset({"new_block"}),
    "pandas._libs.internals": frozenset({"_unpickle_block"}),
    "pandas._libs.arrays": frozenset({"__pyx_unpickle_NDArrayBacked"}),
    "pandas.core.arrays.string_": frozenset({"StringArray", "StringDtype"}),
    "pandas.core.arrays.numpy_": frozenset({"NumpyExtensionArray", "PandasArray"}),
    **{f"{core}.multiarray": frozenset({"_reconstruct", "scalar"}) for core in _NUMPY},
    **{f"{core}.numeric": frozenset({"_frombuffer"}) for core in _NUMPY},
}  # fmt: skip


_REFUSED = "it constructs {}, which is not allowed"


_PLAIN_TYPES = [(order, None, None, None) for order in ("|", "<" if np.little_endian else ">")]


def _fits(state: Any) -> bool:
    """Say whether an array's state has as many numbers as its shape."""
    try:
        _, shape, kind, _, content = state
        sizes = [int(length) for length in shape]
    except (TypeError, ValueError):
        return False
    if min(sizes, default=0) < 0 or not isinstance(kind, np.dtype):
        return False
    if kind.hasobject:
        return type(content) is list and len(content) == math.prod(sizes)
    return type(content) is bytes and len(content) == math.prod(sizes) * kind.itemsize


class Inert:
    """What stands for all other classes of ase (constraints, calculators): attributes, no code."""

    def __init__(self, *_arguments: Any, **_named: Any) -> None:
        pass


class _NdArray:
    """What stands for numpy.ndarray: a name only, so that no array is made over foreign memory."""


def _reconstruct(_kind: Any, shape: tuple[int, ...], code: bytes) -> Any:
    return np.ndarray(shape, np.dtype(code.decode()))


def _scalar(kind: np.dtype[Any], *value: Any) -> Any:
    if kind.hasobject:
        raise pickle.UnpicklingError("it constructs a number of type object")
    return np.frombuffer(value[0], kind)[0]


def _method_of_inert(owner: Any, *_names: Any) -> None:
    """Return nothing for a method that a calculator keeps: there is none here."""
    if type(owner) is not Inert:
        raise pickle.UnpicklingError(_REFUSED.format("builtins.getattr"))


def _counts(*given: Any) -> dict[Any, Any]:
    """Return the counts of a collections.Counter: Pacemaker keeps compositions in them."""
    if len(given) > 1 or (given and type(given[0]) is not dict):
        raise pickle.UnpicklingError(_REFUSED.format("a collections.Counter of its own"))
    return dict(*given)


def _to_bytes(text: str, _encoding: str) -> bytes:
    """Return bytes that older protocols keep as text."""
    return text.encode("latin-1")


REPLACED: dict[str, Any] = {
    "ndarray": _NdArray, "_reconstruct": _reconstruct, "scalar": _scalar,
}  # fmt: skip
_RESULTS = ("energy", "free_energy", "forces", "stress")


_InPython: Any = vars(pickle)["_Unpickler"]


class Unpickler(_InPython):  # type: ignore[misc]
    """An unpickler that constructs what ALLOWED names, and nothing else.

    It is the one in Python, several times slower than that in C, because only there can be seen
    which state an object is given: a type of numpy believes whatever it is told of its memory.
    """

    dispatch: ClassVar[dict[int, Any]] = dict(_InPython.dispatch)

    def load_build(self) -> None:
        """Give an object its state, unless numpy would believe it blindly."""
        kept, state = self.stack[-2:]
        if isinstance(kept, np.dtype):
            # All of it is in its name, but for types that pickles describe themselves.
            if not (isinstance(state, tuple) and state[1:5] in _PLAIN_TYPES):
                raise pickle.UnpicklingError(_REFUSED.format("a numpy.dtype of its own"))
            self.stack.pop()
            return
        if isinstance(kept, np.ndarray) and not _fits(state):
            raise pickle.UnpicklingError("an array has another length than its shape")
        super().load_build()

    dispatch[pickle.BUILD[0]] = load_build

    def find_class(self, module: str, name: str) -> Any:
        """Look up a global; UnpicklingError names one that is not let through."""
        module = "builtins" if module == "__builtin__" else module  # protocol 2
        if (module, name) == ("_codecs", "encode"):
            return _to_bytes
        if (module, name) == ("collections", "Counter"):
            return _counts
        if (module, name) == ("builtins", "getattr"):
            return _method_of_inert
        if module.startswith("ase.") and name not in ALLOWED.get(module, ()):
            return Inert
        if name not in ALLOWED.get(module, ()):
            raise pickle.UnpicklingError(_REFUSED.format(f"{module}.{name}"))
        if module.startswith(_NUMPY) or module == "numpy":
            return REPLACED.get(name) or super().find_class(_this_numpy(module), name)
        if module == "pandas.core.indexes.numeric":  # gone since pandas 2
            module, name = "pandas.core.indexes.base", "Index"
        return super().find_class(module, name)


def _this_numpy(module: str) -> str:
    """Return a module of numpy under the name that it has here: numpy 2 renamed its core."""
    here = "numpy._core" if hasattr(np, "_core") else "numpy.core"
    return (
        here + module.removeprefix(_NUMPY[0]).removeprefix(_NUMPY[1])
        if "core" in module
        else module
    )


def load(path: Path) -> Any:
    """Unpickle a file of this user, compressed or not."""
    with path.open("rb") as file:
        # Of the file that is open: a name may point elsewhere in a moment.
        if os.fstat(file.fileno()).st_uid != os.geteuid():
            raise PermissionError("it belongs to another user")
        head = file.read(2)
        file.seek(0)
        if head == b"\x1f\x8b":
            return Unpickler(gzip.GzipFile(fileobj=file)).load()
        if head == b"BZ":
            return Unpickler(bz2.BZ2File(file)).load()
        if head == b"\xfd7":
            return Unpickler(lzma.LZMAFile(file)).load()
        return Unpickler(file).load()


def rows_of(table: Any) -> Any:
    """Yield each row of a table as what JSON can hold; ValueError says what the table lacks."""
    import pandas
    from ase import Atoms

    if isinstance(table, (list, tuple)) and table and all(type(one) is Atoms for one in table):
        table = pandas.DataFrame({"ase_atoms": table})  # structures with their labels on them
    if type(table) is not pandas.DataFrame:
        raise ValueError(f"it holds a {type(table).__name__}, not a table (pandas.DataFrame)")
    names = [name for name in table.columns if isinstance(name, str)]
    if "ase_atoms" not in names:
        raise ValueError(f"its table has no column ase_atoms; there is: {', '.join(names)}")
    columns = {name: table[name].tolist() for name in names}
    for number, atoms in enumerate(columns.pop("ase_atoms")):
        if type(atoms) is not Atoms:
            raise ValueError(f"ase_atoms of row {number + 1} is a {type(atoms).__name__}")
        values = {name: column[number] for name, column in columns.items()}
        results = dict(getattr(getattr(atoms, "calc", None), "results", None) or {})
        results |= {name: values.pop(name) for name in _RESULTS if _there(values.get(name))}
        per_atom = {name: values.pop(name) for name in list(values)
                    if np.shape(values[name]) == (len(atoms), 3)}  # fmt: skip
        yield {
            "numbers": np.asarray(atoms.arrays["numbers"], dtype=int).tolist(),
            "positions": np.asarray(atoms.arrays["positions"], dtype=float).tolist(),
            "cell": np.asarray(atoms.cell.array, dtype=float).tolist(),
            "pbc": np.asarray(atoms.pbc, dtype=bool).tolist(),
            "results": {name: _plain(value) for name, value in results.items()
                        if name in _RESULTS and _there(value)},
            "keys": {name: _plain(value) for name, value in {**atoms.info, **values}.items()
                     if isinstance(name, str) and _is_plain(value)},
            "arrays": {name: _plain(value) for name, value in per_atom.items()},
        }  # fmt: skip


def _there(value: Any) -> bool:
    return value is not None


def _is_plain(value: Any) -> bool:
    if isinstance(value, np.ndarray):
        return value.dtype.kind in "fiub" and value.size <= 1000
    return isinstance(value, (str, int, float, bool, np.generic))


def _plain(value: Any) -> Any:
    if isinstance(value, (np.ndarray, np.generic)):
        value = value.tolist()
    if isinstance(value, (list, tuple)):
        return [_plain(one) for one in value]
    return value if isinstance(value, (str, int, float, bool)) else str(value)


def main(source: str, target: str) -> int:
    """Write the rows of a table as lines of JSON; on stderr, what stands in the way."""
    try:
        import pandas  # noqa: F401
    except ImportError:
        print("reading it needs pandas: pip install pandas", file=sys.stderr)
        return 1
    try:
        table = load(Path(source))
        with Path(target).open("w", encoding="utf-8") as file:
            for row in rows_of(table):
                file.write(json.dumps(row) + "\n")
    except Exception as error:  # noqa: BLE001  a damaged pickle raises anything
        text = " ".join(str(error).split())
        plain = isinstance(error, (pickle.UnpicklingError, ValueError, PermissionError))
        print(text if plain and text else f"{type(error).__name__}: {text}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
