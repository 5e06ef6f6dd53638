"""Where the files that ship with hpctrain are: inside a wheel, or in the checkout."""

from __future__ import annotations

from pathlib import Path

from hpctrain.errors import HpctrainError

_PACKAGE = Path(__file__).resolve().parent


def resource(name: str) -> Path:
    """Path of a shipped file or folder, for example ``templates`` or ``demo/al_pbe.db``.

    A wheel holds ``templates`` and ``site_profiles`` inside the package; an editable install
    leaves them beside it.
    """
    for folder in (_PACKAGE, _PACKAGE.parent):
        if (folder / name).exists():
            return folder / name
    raise HpctrainError(
        f"{name} is missing from this installation of hpctrain ({_PACKAGE})",
        "install hpctrain again",
    )
