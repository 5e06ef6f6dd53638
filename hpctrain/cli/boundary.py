"""The one place where errors become words and exit codes."""

from __future__ import annotations

import json
import os
import sys
import tempfile
import traceback

import click

from hpctrain import __version__
from hpctrain.cli import data, potentials, runs, sites
from hpctrain.errors import HpctrainError


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, prog_name="hpctrain")
def cli() -> None:
    """Train machine-learning interatomic potentials on HPC clusters.

    \b
    hpctrain init                     a commented hpctrain.yaml to fill in
    hpctrain submit --site mycluster  check, export the data, submit a training
    hpctrain status                   how far it is
    hpctrain collect                  archive the finished potential

    Exit codes: 0 done, 1 something to mend, 2 wrong usage, 3 a bug, 4 the scheduler could not be
    reached, 130 interrupted.
    """


for command in (
    data.init_command, data.check_command, data.export_command,
    runs.submit_command, runs.status_command, runs.logs_command, runs.cancel_command,
    potentials.collect_command, potentials.potentials_group,
    sites.sites_group,
):  # fmt: skip
    cli.add_command(command)


def main(arguments: list[str] | None = None) -> int:
    """Run the command line and return its exit code."""
    try:
        cli.main(args=arguments, prog_name="hpctrain", standalone_mode=False)
    except HpctrainError as error:
        _say(error.message, error.hint)
        return _ended(error.exit_code, error.message, error.hint)
    except click.exceptions.Exit as stop:
        return stop.exit_code
    except (click.Abort, KeyboardInterrupt):
        _say("interrupted", None)
        return _ended(130, "interrupted", None)
    except click.ClickException as error:
        error.show()
        return _ended(2, error.format_message(), None)
    except BrokenPipeError:
        # The reader (head, less) has seen enough; nothing more can be printed.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except Exception as error:  # noqa: BLE001  the boundary: everything else is a bug
        with tempfile.NamedTemporaryFile(
            "w", prefix="hpctrain-bug-", suffix=".txt", delete=False, encoding="utf-8"
        ) as file:
            traceback.print_exc(file=file)
        words = f"a bug in hpctrain: {type(error).__name__}: {error}"
        _say(words, f"please report it with {file.name}")
        return _ended(3, words, file.name)
    return 0


def _say(message: str, hint: str | None) -> None:
    print(f"hpctrain: {message}", file=sys.stderr)
    if hint:
        print(f"  → {hint}", file=sys.stderr)


def _ended(code: int, message: str, hint: str | None) -> int:
    """With --json, stdout is an object even where things went wrong."""
    context = click.get_current_context(silent=True)
    wanted = context.params.get("as_json") if context else "--json" in sys.argv
    if wanted:
        print(json.dumps({"schema": "hpctrain.error/1", "exit_code": code,
                          "error": message, "hint": hint}, ensure_ascii=False))  # fmt: skip
    return code
