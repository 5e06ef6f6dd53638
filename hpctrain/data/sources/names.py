"""How sources are named: globs, and what of a name may be printed."""

from __future__ import annotations

import glob
import re
from pathlib import Path
from typing import NamedTuple

from hpctrain.errors import HpctrainError

COMPRESSED = (".gz", ".bz2", ".xz")
_ARCHIVES = (".7z", ".lz4", ".tar", ".tbz2", ".tgz", ".txz", ".zip", ".zst")
_MAGIC = re.compile(r"[*?\[]")


SOURCE = "data.source"


def expand(source: str | list[str], base: Path, key: str = SOURCE) -> tuple[list[str], bool]:
    """Return the sources that are named, and whether there can be several.

    A glob becomes the files that it fits, in order. HpctrainError where it fits none, or a file is
    not there; ``key`` is the setting or the option that names them.
    """
    given = [source] if isinstance(source, str) else source
    if not given:
        raise HpctrainError(f"{key} names no file")
    names: list[str] = []
    globs = 0
    for one in given:
        if not is_glob(one, base):
            refuse_missing(one, base, key)
            names.append(one)
            continue
        globs += 1
        found = [name for name in _fitting(one, base) if (base / name).is_file()]
        if not found:
            raise HpctrainError(
                f"{key}: no file fits {one} (in {base})",
                "correct the pattern: * stands for a part of one name, ** for folders",
            )
        names += found
    return list(dict.fromkeys(names)), globs > 0 or len(given) > 1


def refuse_missing(source: str, base: Path, key: str = SOURCE) -> None:
    """Raise HpctrainError where a source is neither a file nor a URL."""
    path = base / source
    if "://" in source or path.is_file():
        return
    if path.is_dir():
        raise HpctrainError(
            f"{key}: {path} is a folder",
            f"name its files, for example {source.rstrip('/')}/**/vasprun.xml",
        )
    raise HpctrainError(f"{key}: there is no file {path}")


class Sources(NamedTuple):
    """All sources, those that are tested on, and whether there can be several."""

    names: list[str]
    tests: frozenset[str]
    several: bool


def expand_sides(
    source: str | list[str], test_source: str | list[str] | None, base: Path
) -> Sources:
    """Return the sources that data.source and data.test_source name.

    What a pattern of ``source`` fits and ``test_source`` names is tested on; what both name is a
    contradiction: HpctrainError.
    """
    names, several = expand(source, base)
    if test_source is None:
        return Sources(names, frozenset(), several)
    tests, _ = expand(test_source, base, "data.test_source")
    named = {source} if isinstance(source, str) else set(source)
    files = {_file_of(name, base): name for name in tests}
    both = sorted(name for name in names if _file_of(name, base) in files)
    if twice := [name for name in both if name in named]:
        raise HpctrainError(
            f"{without_password(twice[0])} is in data.source and in data.test_source",
            "a structure is trained or tested on: leave it out of one of them",
        )
    train = [name for name in names if name not in both]
    if not train:
        raise HpctrainError(
            "data.test_source names all files of data.source: there is nothing to train on",
            "name other files in one of them",
        )
    return Sources([*train, *tests], frozenset(tests), True)


def _file_of(source: str, base: Path) -> str:
    return source if "://" in source else str((base / source).resolve())


def is_glob(source: str, base: Path) -> bool:
    """Say whether a source is a pattern, and not the name of a file that is there."""
    return "://" not in source and bool(_MAGIC.search(source)) and not (base / source).exists()


def _fitting(pattern: str, base: Path) -> list[str]:
    # Of pathlib's, Path.glob takes no absolute pattern.
    return sorted(glob.glob(pattern, root_dir=base, recursive=True))  # noqa: PTH207


def ending(name: str) -> tuple[str, str]:
    """Return a file's ending, in lower case, and that of its compression, each perhaps empty."""
    path = Path(name.lower())
    if path.suffix in COMPRESSED:
        return Path(path.stem).suffix, path.suffix
    return path.suffix, ""


def is_packed(name: str) -> bool:
    """Say whether a file has to be unpacked, by its name."""
    return name.lower().endswith((*COMPRESSED, *_ARCHIVES))


def without_password(source: str) -> str:
    """Return a source as it may be printed: without the password of a database URL."""
    # To the last @: a password may hold any character, also one that it should not.
    hidden = re.sub(r"(://[^/:@]*):.*@", r"\1:***@", source, flags=re.DOTALL)
    return re.sub(r"([?&][^=&]*pass[^=&]*=)[^&]*", r"\1***", hidden, flags=re.IGNORECASE)


def without_passwords(source: str | list[str]) -> str | list[str]:
    """Return data.source, one or several, as it may be kept: without passwords."""
    if isinstance(source, str):
        return without_password(source)
    return [without_password(one) for one in source]


def error_text(error: BaseException, target: str = "") -> str:
    """Return what an error says, without the password of a database that it may quote."""
    said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if without_password(target) == target:
        return said
    secrets = [target, *re.findall(r"://[^/:@]*:(.*)@", target, flags=re.DOTALL)]
    secrets += re.findall(r"[?&][^=&]*pass[^=&]*=([^&]*)", target, flags=re.IGNORECASE)
    for secret in filter(None, secrets):
        said = said.replace(secret, without_password(secret) if secret == target else "***")
    return said
