"""What is said of the package in several places: version, requirements, versions of Python."""

from __future__ import annotations

import re
import sys
from typing import Any

import pytest
import yaml
from paths import CHECKOUT

from hpctrain import __version__

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib  # pytest brings it

RECIPE = yaml.safe_load((CHECKOUT / "recipe" / "recipe.yaml").read_text())
# Conda's names, where they are others.
CONDA = {"matplotlib": "matplotlib-base"}


@pytest.fixture(scope="module")
def project() -> dict[str, Any]:
    content = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())
    found: dict[str, Any] = content["project"]
    return found


def test_the_recipe_has_the_version_and_the_requirements(project: dict[str, Any]) -> None:
    assert RECIPE["context"]["version"] == __version__
    wanted = []
    for line in project["dependencies"]:
        match = re.fullmatch(r"([a-z0-9]+)(>=[0-9.]+)", line)
        assert match, line
        wanted.append(f"{CONDA.get(match[1], match[1])} {match[2]}")
    assert RECIPE["requirements"]["run"] == ["python >=${{ python_min }}", *wanted]
    [name_and_call] = RECIPE["build"]["python"]["entry_points"]
    assert name_and_call == f"hpctrain = {project['scripts']['hpctrain']}"


def test_the_versions_of_python(project: dict[str, Any]) -> None:
    """The least one and the classifiers are those that nox tries, and conda's least one."""
    versions = re.findall(r'"(3\.\d+)"', (CHECKOUT / "noxfile.py").read_text())
    said = [line.rpartition(" ")[2] for line in project["classifiers"] if ":: 3." in line]
    assert said == versions
    assert project["requires-python"] == f">={versions[0]}"
    pinned = yaml.safe_load((CHECKOUT / "recipe" / "variants.yaml").read_text())
    assert pinned["python_min"] == versions[:1]


def test_the_citation() -> None:
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    assert citation["version"] == __version__
    assert (citation["cff-version"], citation["license"]) == ("1.2.0", "MIT")
    assert citation["authors"]
    assert citation["message"]
    for paper in citation["references"]:
        assert re.fullmatch(r"10\.\d{4}/\S+", paper["doi"])
        assert {"type", "title", "authors", "journal", "year"} <= paper.keys()


def test_the_papers_are_those_that_a_card_names() -> None:
    from hpctrain.engines.pacemaker import usage

    dois = {
        found
        for text in vars(usage).values()
        if isinstance(text, str)
        for found in re.findall(r"doi:(\S+)", text)
    }
    citation = yaml.safe_load((CHECKOUT / "CITATION.cff").read_text())
    assert {paper["doi"] for paper in citation["references"]} <= dois
