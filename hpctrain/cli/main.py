"""The program hpctrain: all commands together; errors become messages and exit codes."""

from __future__ import annotations

import contextlib
import errno
import os
import sys

import click

from hpctrain import __version__
from hpctrain.cli import (
    adopt,
    check,
    clusters,
    collect,
    data,
    remove,
    report,
    runs,
    select,
    sites,
    submit,
    tensorboard,
    verify,
)
from hpctrain.cli import potentials as archive
from hpctrain.cli.options import Group, print_json, print_message
from hpctrain.errors import HpctrainError
from hpctrain.interrupts import Stopped, hold_interrupts
from hpctrain.text import screenful


@click.group(
    cls=Group,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)
@click.version_option(__version__, prog_name="hpctrain")
def cli() -> None:
    """Train machine-learning interatomic potentials on HPC clusters.

    \b
    hpctrain init                     create hpctrain.yaml, for you to fill in
    hpctrain check --site mycluster   check the data, the settings and the site
    hpctrain submit --site mycluster  submit a training
    hpctrain status                   show the state and progress of all runs
    hpctrain collect                  archive the finished potential
    hpctrain select md.extxyz --from current   choose what to label next

    Exit codes: 0 success, 1 a problem that you can fix, 2 wrong usage, 3 a bug in hpctrain, 4 the
    scheduler did not answer, 130 interrupted.
    """


for command in (
    data.init_command, check.check_command, data.export_command,
    submit.submit_command, adopt.adopt_command,
    runs.status_command, runs.logs_command, runs.cancel_command,
    runs.resume_command, remove.remove_command, remove.prune_command,
    tensorboard.tensorboard_command,
    collect.collect_command, archive.potentials_group, verify.verify_command,
    report.report_command, select.select_command,
    sites.sites_group,
):  # fmt: skip
    cli.add_command(command)
for command in (clusters.init_command, clusters.check_command, clusters.test_command):
    sites.sites_group.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    if _COMPLETE in os.environ:
        return _complete_line(arguments)
    wants_json = "--json" in (sys.argv[1:] if arguments is None else arguments)
    try:
        cli.main(args=arguments, prog_name="hpctrain", standalone_mode=False)
    except HpctrainError as error:
        return _print_error(error.exit_code, error.message, error.hint, wants_json)
    except (click.Abort, KeyboardInterrupt) as error:
        # A second Ctrl-C would find nothing left to stop.
        with contextlib.suppress(KeyboardInterrupt), hold_interrupts():
            cause = error.__cause__ or error
            if isinstance(cause, Stopped):
                _print_error(130, str(cause), None, wants_json, who="")
            else:
                _print_error(130, "interrupted", str(cause) or None, wants_json)
        return 130
    except click.UsageError as error:
        return _print_error(2, error.format_message(), _see(error), wants_json)
    except BrokenPipeError:
        # The reader (head, less) has closed the pipe; nothing more can be printed.
        _print_no_more()
    except SystemExit as stop:
        return int(stop.code or 0)
    except OSError as error:
        if error.errno in (None, *_OUR_FAULTS):
            return _report_bug(error, wants_json)
        where = error.filename or error.filename2 or "a file that the system did not name"
        advice = _DISK_PROBLEMS.get(error.errno or 0, "see what is there")
        return _print_error(
            1, f"{where}: {error.strerror}", f"{advice}, then run the command again", wants_json
        )
    except Exception as error:  # noqa: BLE001  the boundary: everything else is a bug
        return _report_bug(error, wants_json)
    return 0


# By this variable click is asked what can follow on a shell's line, or for the shell's script.
_COMPLETE = "_HPCTRAIN_COMPLETE"


def _complete_line(arguments: list[str] | None) -> int:
    """Answer a shell about its line; whatever goes wrong, nothing is printed over that line."""
    from hpctrain.cli.shells import install

    install()
    try:
        cli.main(args=arguments, prog_name="hpctrain", standalone_mode=False)
    except SystemExit as stop:
        return int(stop.code or 0)
    except (Exception, KeyboardInterrupt):  # noqa: BLE001  the next command says what is wrong
        return 1
    return 0


def _see(error: click.UsageError) -> str:
    """Say where the right usage is shown; an option of a command belongs behind its name."""
    where = error.ctx.command_path if error.ctx else "hpctrain"
    command = error.ctx.command if error.ctx else None
    if isinstance(error, click.NoSuchOption) and isinstance(command, Group):
        option = error.option_name
        if any(option in parameter.opts for one in command.commands.values()
               for parameter in one.params):  # fmt: skip
            return f"write it after the command: {where} COMMAND {option} …"
    return f"see: {where} --help"


# What only a program that is wrong asks for.
_OUR_FAULTS = (errno.EBADF, errno.EINVAL, errno.EFAULT, errno.ENOTTY, errno.ESPIPE)
_SERVER = "the file server did not answer as it should: wait a moment"
# Errors of the file system that only the user can fix; what was done before them is on record.
_DISK_PROBLEMS = {
    errno.EIO: "the disk or its file server has an error: tell your administrators if it stays",
    errno.ESTALE: _SERVER,
    errno.ETIMEDOUT: _SERVER,
    errno.EHOSTDOWN: _SERVER,
    errno.EHOSTUNREACH: _SERVER,
    errno.ENOTCONN: _SERVER,
    errno.EREMOTEIO: _SERVER,
    errno.EAGAIN: _SERVER,
    errno.EBUSY: "another program uses it: wait a moment",
    errno.ENOLCK: "the file system does not support locks: wait a moment, or use another disk",
    errno.EMFILE: "this session has too many open files: raise 'ulimit -n'",
    errno.ENFILE: "this machine has too many open files: wait a moment, or use another one",
    errno.ENOMEM: "this machine has no memory left: wait a moment, or use another one",
    errno.EFBIG: "the limit of file sizes is reached: raise 'ulimit -f'",
    errno.ENAMETOOLONG: "move the project to a folder with a shorter path",
    errno.ELOOP: "a link leads to itself: remove it",
    errno.ENOENT: "something was moved or removed meanwhile: put it back",
    errno.ENOSPC: "make room on the disk",
    errno.EDQUOT: "make room in your quota",
    errno.EROFS: "move the project to a disk that is writable",
    errno.EACCES: "get permission to read and write there",
    errno.EPERM: "get permission to read and write there",
}


def _report_bug(error: Exception, wants_json: bool) -> int:
    """Write the traceback to a file, and say where it is."""
    import tempfile
    import traceback

    words = f"a bug in hpctrain: {type(error).__name__}: {error}"
    try:
        with tempfile.NamedTemporaryFile(
            "w", prefix="hpctrain-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exception(error, file=file)
        where = f"please report it, with the file {file.name}"
    except OSError:
        where = "".join(traceback.format_exception(error))
    return _print_error(3, words, where, wants_json)


def _print_error(
    code: int, message: str, hint: str | None, wants_json: bool, *, who: str = "hpctrain: "
) -> int:
    """Print what went wrong to stderr, and with --json as an object to stdout too."""
    message, hint = screenful(message), hint and screenful(hint)
    print_message(f"{who}{message}")
    if hint:
        print_message(f"  → {hint}")
    try:
        if wants_json:
            print_json("error", {"exit_code": code, "error": message, "hint": hint})
        sys.stdout.flush()
    except OSError:  # stdout itself may be on the disk that is full
        _print_no_more()
    return code


def _print_no_more() -> None:
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
