"""What can go wrong, and the exit code each kind ends with."""

from __future__ import annotations


class HpctrainError(Exception):
    """Something the user can mend: one sentence, and the next thing to try.

    Anything that is not an HpctrainError is a bug and ends with exit code 3.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HpctrainError):
    """The command line contradicts itself."""

    exit_code = 2


class SiteUnreachable(HpctrainError):
    """The scheduler or the site did not answer; nothing is known to have changed."""

    exit_code = 4
