"""docs/commands.md names every command and option, and every command explains itself."""

from __future__ import annotations

import re

import click
import pytest
from paths import DOCS

from hpctrain.cli.main import cli, main


def commands(group: click.Group, words: tuple[str, ...] = ()) -> dict[str, click.Command]:
    """Find every command that is no group, by the words that lead to it."""
    found: dict[str, click.Command] = {}
    for name, command in group.commands.items():
        path = (*words, name)
        if isinstance(command, click.Group):
            found |= commands(command, path)
        else:
            found[" ".join(path)] = command
    return found


COMMANDS = commands(cli)


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_documented(name: str) -> None:
    """Hold docs/commands.md to have a section for it, with every one of its options."""
    text = (DOCS / "commands.md").read_text()
    _, heading, rest = text.partition(f"\n## {name}\n")
    assert heading, f"docs/commands.md has no section '{name}'"
    section = rest.partition("\n## ")[0]
    shared = text.partition("\n---\n")[0]
    for parameter in COMMANDS[name].params:
        if isinstance(parameter, click.Option):
            assert parameter.opts[-1] in section + shared, parameter.opts


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_help(name: str) -> None:
    command = COMMANDS[name]
    assert len(command.help or "") > 30
    for parameter in command.params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.opts


def test_links_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} → {target}"


def test_every_key_of_a_site_profile_is_documented() -> None:
    from hpctrain.sites import facts as site_facts
    from hpctrain.sites.profile import SiteProfile, Target

    text = (DOCS / "sites.md").read_text()
    facts = [getattr(site_facts, name) for name in ("Node", "Limits", "Charge", "Preemption",
             "AccountRule", "Recognition", "Scratch", "Source", "AskAbove")]  # fmt: skip
    keys = {key for record in (SiteProfile, Target, *facts) for key in record.model_fields}
    said = set(re.findall(r"[a-z_]+", text))
    assert keys - said == set()


def groups(group: click.Group, words: tuple[str, ...] = ()) -> dict[str, click.Group]:
    """Find every group of commands, by the words that lead to it."""
    found = {" ".join(words): group}
    for name, command in group.commands.items():
        if isinstance(command, click.Group):
            found |= groups(command, (*words, name))
    return found


@pytest.mark.parametrize("name", groups(cli))
def test_the_list_of_commands_fits_a_terminal(
    name: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Hold every summary to fit its line of 80 columns whole."""
    monkeypatch.setenv("COLUMNS", "80")
    assert main([*name.split(), "--help"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 80
    listed = [line.split(maxsplit=1) for line in text.partition("\nCommands:\n")[2].splitlines()]
    summaries = {
        command: str(help_of.help).splitlines()[0]
        for command, help_of in groups(cli)[name].commands.items()
    }
    assert dict(listed) == summaries
    assert not [line for line in summaries.values() if "..." in line or "…" in line]
