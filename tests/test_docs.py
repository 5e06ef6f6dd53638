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


def test_a_command_is_documented() -> None:
    """Hold docs/commands.md to have a section for it, with every one of its options."""
    text = (DOCS / "commands.md").read_text()
    shared = text.partition("\n---\n")[0]
    for name, command in COMMANDS.items():
        _, heading, rest = text.partition(f"\n## {name}\n")
        assert heading, f"docs/commands.md has no section '{name}'"
        section = rest.partition("\n## ")[0]
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.opts[-1] in section + shared, (name, parameter.opts)


def test_a_command_has_help() -> None:
    for name, command in COMMANDS.items():
        assert len(command.help or "") > 30, name
        for parameter in command.params:
            if isinstance(parameter, click.Option):
                assert parameter.help, (name, parameter.opts)


def test_links_lead_somewhere() -> None:
    for page in [*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")]:
        for target in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text()):
            assert (page.parent / target).exists(), f"{page.name} → {target}"


def test_every_page_is_listed_on_the_first() -> None:
    pages = {path.stem for path in DOCS.glob("*.md")} - {"index"}
    assert pages - set((DOCS / "index.md").read_text().split()) == set()


def said_in_docs() -> set[tuple[str, str]]:
    """Every call of hpctrain on a page: in a block, or as code within a line."""
    found = set()
    for page in [*DOCS.glob("*.md"), *DOCS.parent.glob("*.md")]:
        text = page.read_text()
        blocks = re.findall(r"^```[^\n]*\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
        lines = "\n".join(blocks)
        calls = re.findall(r"^(?:\$ )?(hpctrain [^\n]*)$", lines, re.MULTILINE)
        calls += re.findall(r"`(hpctrain [^`\n]*)`", text)
        found |= {(page.name, call.partition("  #")[0].strip()) for call in calls}
    return found


def options_of(command: click.Command) -> set[str]:
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in (*parameter.opts, *parameter.secondary_opts)
    }


def misuse(call: str) -> str | None:
    """What of a call there is not: a command, or an option."""
    command: click.Command = cli
    known = {"--help", "-h", "--version"}
    call = re.split(r" (?:\||&&) ", call)[0]
    for word in re.sub(r"[\[\]()]", " ", call).split()[1:]:
        word = word.strip("`,;:.")
        if isinstance(command, click.Group) and re.fullmatch(r"[a-z][a-z-]*", word):
            if word not in command.commands:
                return f"no command '{word}'"
            command = command.commands[word]
            continue
        option = re.match(r"--?[a-z][a-z-]*", word)
        if option and option[0] not in known | options_of(command):
            return f"no option {option[0]}"
    return None


def test_what_the_docs_call_is_there() -> None:
    calls = said_in_docs()
    assert len(calls) > 100
    wrong = [f"{page}: {call}: {found}" for page, call in calls if (found := misuse(call))]
    assert wrong == []
    assert misuse("hpctrain sbmit") == "no command 'sbmit'"
    assert misuse("hpctrain potentials show NAME --jsn") == "no option --jsn"


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


def rows_below(heading: str) -> dict[str, str]:
    """Return the first table below a heading of docs/settings.md: the defaults by key."""
    text = (DOCS / "settings.md").read_text()
    section = re.split(r"^#+ ", text.partition(f"\n{heading}\n")[2], flags=re.MULTILINE)[0]
    table = re.search(r"^\| Key .*?\n(?:\|.*\n)+", section, re.MULTILINE)
    assert table, heading
    cells = [line.split(" | ") for line in table[0].splitlines()[2:]]
    return {row[0].strip("| `"): row[1].strip() for row in cells}


@pytest.mark.parametrize(
    ("heading", "engine"),
    [("## training", ""), ("### Pacemaker", "pacemaker"), ("### GRACE", "grace")],
)
def test_every_key_of_a_trainer_is_documented(heading: str, engine: str) -> None:
    """Hold the tables to have the keys and the defaults of the code, each in the right one."""
    from hpctrain.engines import engine_of
    from hpctrain.engines.training import TrainingConfig

    of_all = TrainingConfig.model_fields
    keys = of_all
    if engine:
        fields = engine_of(engine).settings.model_fields
        keys = {key: fields[key] for key in fields if key not in of_all}
    said = rows_below(heading)
    assert said.keys() == keys.keys()
    for key, field in keys.items():
        default = field.get_default(call_default_factory=True)
        words = str(default).lower() if isinstance(default, bool) else str(default)
        if default is not None:
            assert said[key] == f"`{words}`", key
        else:
            assert "`" not in said[key] or said[key].startswith("100 ×"), key


def test_every_trainer_has_a_table() -> None:
    from hpctrain.engines import NAMES, engine_of

    for name in NAMES:
        assert rows_below(f"### {engine_of(name).title}")
        assert (DOCS / f"{name}.md").exists()
