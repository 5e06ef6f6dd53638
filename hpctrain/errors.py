"""The errors that a user can fix, and the exit code of each kind."""

from __future__ import annotations


class HpctrainError(Exception):
    """An error that the user can fix: a message of one sentence, and a hint what to try next.

    Anything that is not an HpctrainError is a bug and ends with exit code 3.
    """

    exit_code = 1

    def __init__(self, message: str, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class UsageError(HpctrainError):
    """An error in how the command line was used."""

    exit_code = 2


class SiteUnreachable(HpctrainError):
    """An error after which nothing is known to have changed: scheduler or site did not answer."""

    exit_code = 4
