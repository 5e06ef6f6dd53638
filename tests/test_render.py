"""Templates: nothing undefined is rendered, and every value arrives in the shell as meant."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.render import Markup, as_yaml, render, render_page, shell_word

JOB_TEMPLATES = sorted(path.name for path in resource("templates").glob("*.sh.j2"))
ODD = [
    "plain", "", " two  words ", "$(touch hacked)", "`touch hacked`", "a'b", 'a"b', "a\nb\n",
    "$HOME",
    "${PATH}", "!!", "\\", "\\n", "a;touch hacked", "*", "~", "Å κ", "#no", "-n", "a&b|c>d", "\t",
    "'; touch hacked; '", "%s", "{{ 1 }}", "{% raw %}",
]  # fmt: skip


def values(**changes: Any) -> dict[str, Any]:
    found = {
        "version": "0", "run_id": "20260101-000000-abcd", "directives": [],
        "shell": "plain", "modules": [], "setup": [], "environment": {}, "run_dir": "/run",
        "launcher": [], "container": [], "python": "python3", "umask": None, "output": "job-%j.out",
    }  # fmt: skip
    return {**found, **changes}


def run(script: str, folder: Path, *arguments: str) -> list[dict[str, Any]]:
    """What job/train.py was called with, once a call, by the script in bash."""
    (folder / "job").mkdir(exist_ok=True)
    shutil.copyfile(resource("job") / "before.sh", folder / "job" / "before.sh")
    seen = folder / "seen.jsonl"
    (folder / "job" / "train.py").write_text(
        "import json, os, sys\n"
        "seen = [sys.argv[1:], dict(os.environ), os.getcwd()]\n"
        f"print(json.dumps(seen), file=open({str(seen)!r}, 'a'))\n"
    )
    path = folder / "job.sh"
    path.write_text(script, encoding="utf-8")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    reply = subprocess.run(
        ["bash", str(path), *arguments], cwd=folder.parent, env=environment, capture_output=True,
        text=True, timeout=30,
    )  # fmt: skip
    assert (reply.returncode, reply.stderr) == (0, "")
    return [
        {"argv": argv, "environment": environment, "cwd": cwd}
        for argv, environment, cwd in map(json.loads, seen.read_text().splitlines())
    ]


@pytest.mark.parametrize("template", JOB_TEMPLATES)
def test_every_value_arrives_in_the_job(tmp_path: Path, template: str) -> None:
    folder = tmp_path / 'it\'s a $(folder) "Å"'
    folder.mkdir()
    environment = {f"V{number}": value for number, value in enumerate(ODD)}
    script = render(
        template, values(run_dir=folder, environment=environment, python=sys.executable)
    )
    [seen] = run(script, folder, "7")
    assert {name: seen["environment"].get(name) for name in environment} == environment
    assert (seen["argv"], seen["cwd"]) == (["7"], str(folder))
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize("template", JOB_TEMPLATES)
def test_one_script_serves_all_attempts(tmp_path: Path, template: str) -> None:
    script = render(template, values(run_dir=tmp_path, python=sys.executable))
    run(script, tmp_path)
    run(script, tmp_path, "2")
    assert [seen["argv"] for seen in run(script, tmp_path, "3")] == [["1"], ["2"], ["3"]]


@pytest.mark.parametrize("template", JOB_TEMPLATES)
def test_launcher_and_python_are_words(tmp_path: Path, template: str) -> None:
    folder = tmp_path / "run"
    odd = tmp_path / "my python $(x)"
    odd.symlink_to(sys.executable)
    launcher = ["env", "LAUNCHED=a b $(touch hacked)"]
    folder.mkdir()
    script = render(template, values(run_dir=folder, python=str(odd), launcher=launcher))
    [seen] = run(script, folder)
    assert seen["environment"]["LAUNCHED"] == "a b $(touch hacked)"
    assert not list(tmp_path.rglob("hacked"))


def test_setup_lines_are_shell_and_modules_are_words(tmp_path: Path) -> None:
    script = render(
        "slurm.sh.j2",
        values(
            run_dir=tmp_path, python=sys.executable, modules=["gcc/13", "a b;touch hacked"],
            setup=["module() { echo; }", "export FROM_SETUP=$((6 * 7))", "export A=setup"],
            environment={"A": "environment"},
        ),
    )  # fmt: skip
    lines = script.splitlines()
    assert "module load gcc/13" in lines
    assert "module load 'a b;touch hacked'" in lines
    at = [lines.index(line) for line in ("module load gcc/13", "export A=setup",
                                         "export A=environment")]  # fmt: skip
    assert at == sorted(at)
    [seen] = run("module() { :; }\n" + script, tmp_path)
    assert seen["environment"]["FROM_SETUP"] == "42"
    assert seen["environment"]["A"] == "environment"
    assert not list(tmp_path.rglob("hacked"))


@pytest.mark.parametrize("template", JOB_TEMPLATES)
def test_a_folder_that_is_gone_ends_the_job(tmp_path: Path, template: str) -> None:
    script = render(template, values(run_dir=tmp_path / "gone", python="/bin/echo"))
    reply = subprocess.run(["bash", "-c", script], capture_output=True, text=True, timeout=30)
    assert (reply.returncode, reply.stdout) == (1, "")


def test_directives_stand_at_the_head_before_any_command() -> None:
    directives = ["--job-name=x", "--time=1:00:00"]
    lines = render("slurm.sh.j2", values(directives=directives, setup=["x"])).splitlines()
    assert lines[0] == "#!/bin/bash"
    head = lines[1 : next(i for i, line in enumerate(lines) if line and line[0] != "#")]
    assert [line for line in head if "--" in line] == [f"#SBATCH {d}" for d in directives]


def test_a_template_of_ones_own_extends_a_shipped_one(tmp_path: Path) -> None:
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "my.sh.j2").write_text(
        '{% extends "slurm.sh.j2" %}\n'
        "{% block setup %}\n{{ super() }}export MINE={{ run_id | sh }}\n{% endblock %}\n"
        "{% block run %}\n{{ python | sh }} job/train.py 8\n{{ super() }}{% endblock %}\n"
    )
    script = render(
        "my.sh.j2",
        values(
            run_dir=tmp_path, python=sys.executable, setup=["export SITE=s"], directives=["--x"]
        ),
        folders=[folder],
    )
    assert "#SBATCH --x\n" in script
    first, second = run(script, tmp_path)
    assert (first["argv"], second["argv"]) == (["8"], ["1"])
    for seen in (first, second):
        assert seen["environment"]["MINE"] == "20260101-000000-abcd"
        assert seen["environment"]["SITE"] == "s"


def test_a_template_of_ones_own_may_have_a_shipped_ones_name(tmp_path: Path) -> None:
    (tmp_path / "slurm.sh.j2").write_text("mine {{ version }}")
    assert render("slurm.sh.j2", values(), folders=[tmp_path]) == "mine 0"
    assert render("slurm.sh.j2", values()).startswith("#!/bin/bash")
    assert render("slurm.sh.j2", values(), folders=[tmp_path / "none"]).startswith("#!/bin/bash")


@pytest.mark.parametrize("template", JOB_TEMPLATES)
def test_every_value_is_needed(template: str) -> None:
    """A value that is missing is an error, not an empty place; so is one that nobody uses."""
    whole = values(modules=["m"], setup=["s"], environment={"A": "a"}, launcher=["l"])
    # Only PBS cannot be told where the output goes.
    for name in whole.keys() - ({"output"} if template != "pbs.sh.j2" else set()):
        given = {key: value for key, value in whole.items() if key != name}
        with pytest.raises(HpctrainError, match=f"the template {template}.*'{name}' is undefined"):
            render(template, given)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("{{ nothing }}", "the template x.j2 cannot be rendered: 'nothing' is undefined"),
        ("{{ run.nothing }}", "'run' is undefined"),
        ("{% if nothing %}{% endif %}", "'nothing' is undefined"),
        ("{% for x in nothing %}{% endfor %}", "'nothing' is undefined"),
        ("a\n{% if %}", "the template x.j2, line 2 cannot be rendered"),
        ('{% extends "gone.j2" %}', "gone.j2"),
        ("{{ attempt | gone }}", "the template x.j2, line 1 cannot be rendered"),
    ],
)
def test_templates_that_cannot_be_rendered(tmp_path: Path, text: str, words: str) -> None:
    (tmp_path / "x.j2").write_text(text)
    with pytest.raises(HpctrainError) as caught:
        render("x.j2", values(), folders=[tmp_path])
    assert words in caught.value.message


FIGURE = {"title": "t", "width": 1, "height": 1, "shapes": []}


def test_every_value_of_a_page_is_escaped_once() -> None:
    vile = "<b a='1'>&\n\u202e\""
    picture = render_page("pages/figure.html.j2", {**FIGURE, "title": vile})
    escaped = "&lt;b a=&#39;1&#39;&gt;&amp;??&#34;"
    assert f'aria-label="{escaped}"><title>{escaped}</title>' in picture
    assert isinstance(picture, Markup)
    # What such a template has returned is not escaped again.
    assert f"{picture:s}" in render_page("pages/check.html.j2", {
        "title": "t", "subtitle": "s", "light": [], "dark": [], "colours": 0, "findings": [],
        "data": [], "kinds": [],
        "histograms": [{
            "title": "h", "more": "", "missing": "", "note": "", "table": None, "svg": picture,
        }],
    })  # fmt: skip


def test_a_page_needs_every_value() -> None:
    for name in FIGURE:
        without = {key: value for key, value in FIGURE.items() if key != name}
        with pytest.raises(HpctrainError, match=f"'{name}' is undefined"):
            render_page("pages/figure.html.j2", without)


def test_a_template_that_is_not_there() -> None:
    with pytest.raises(HpctrainError, match=r"^there is no template 'gone\.sh\.j2' \(did you mean"):
        render("gone.sh.j2", values())


def test_a_template_that_extends_one_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "own.sh.j2").write_text('{% extends "slrum.sh.j2" %}')
    words = r"^own\.sh\.j2: there is no template 'slrum\.sh\.j2' \(did you mean 'slurm\.sh\.j2'"
    with pytest.raises(HpctrainError, match=words):
        render("own.sh.j2", values(), [tmp_path])


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])), max_size=5)
)
def test_quoted_words_arrive_in_bash(words: list[str]) -> None:
    line = " ".join(["printf '%s\\0'", "x", *map(shell_word, words)])
    reply = subprocess.run(["bash", "-c", line], capture_output=True, timeout=30)
    assert reply.stdout.decode().split("\0")[1:-1] == words


plain = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(allow_nan=False),
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(["1e-8", "yes", "null", "...", "---", "- a", "a: b", "a\nb", "# x", "1:00"]),
)  # fmt: skip
nested = st.recursive(
    plain,
    lambda below: (
        st.lists(below, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"]), max_size=6), below, max_size=3
        )
    ),
    max_leaves=8,
)


@settings(max_examples=100, deadline=None)
@given(nested)
def test_yaml_on_a_line_and_as_a_block_reads_back(value: Any) -> None:
    line = f"top:\n  key: {as_yaml(value)}\n  next: 1\n"
    assert yaml.safe_load(line) == {"top": {"key": value, "next": 1}}
    block = f"top:\n{as_yaml(value, 2)}\nnext: 1\n"
    assert yaml.safe_load(block) == {"top": value, "next": 1}
