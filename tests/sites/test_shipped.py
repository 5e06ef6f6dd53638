"""The profiles that ship: what they say, and the scripts they make."""

from __future__ import annotations

import re

import pytest
import shipped

from hpctrain.errors import HpctrainError
from hpctrain.files import resource
from hpctrain.sites.choose import choose, complete, open_questions
from hpctrain.sites.hardware import gpu_maker
from hpctrain.sites.load import names
from hpctrain.sites.profile import SCHEMA_FILE, json_schema, schema_text
from hpctrain.sites.recognise import read_rules, recognise
from hpctrain.yamlfile import parse_yaml

FILES = sorted(resource("site_profiles").glob("*.yaml"))
PERSONAL = ("account", "mail_user", "trainer", "walltime", "target")


def keys(content: object) -> set[str]:
    if isinstance(content, dict):
        return set(content).union(*map(keys, content.values()))
    return set().union(*map(keys, content)) if isinstance(content, list) else set()


def test_the_scripts_are_the_golden_ones() -> None:
    """After a change that is meant: python tests/support/shipped.py, then read the git diff."""
    for name in shipped.CLUSTERS:
        kept = (shipped.GOLDEN / f"{name}.sh").read_text(encoding="utf-8")
        assert shipped.golden(name) == kept, name


def test_there_is_a_golden_script_for_each_and_no_other() -> None:
    assert sorted(path.stem for path in shipped.GOLDEN.glob("*.sh")) == sorted(shipped.CLUSTERS)


def test_the_table_in_the_docs_is_current() -> None:
    page = shipped.TABLE.read_text(encoding="utf-8")
    assert shipped.page(page) == page
    assert page.count("\n| `") == len(shipped.NAMES) > 40


def test_the_schema_beside_the_profiles_is_current() -> None:
    """After a change of the records: hpctrain sites schema > site_profiles/site.schema.json"""
    assert (resource("site_profiles") / SCHEMA_FILE).read_text(encoding="utf-8") == schema_text()


def test_the_schema_knows_what_yaml_reads_as_a_number() -> None:
    """Else editors mark every year; and it refuses keys that do not exist, as hpctrain does."""
    known = json_schema()
    for record in (known, known["$defs"]["Source"]):
        assert record["properties"]["checked"]["anyOf"][0]["type"] == ["string", "integer"]
        assert record["additionalProperties"] is False
    assert "extends" in known["properties"]
    assert "required" not in known


def test_a_file_names_its_schema_and_nobody() -> None:
    for path in FILES:
        written = path.read_text(encoding="utf-8")
        assert written.startswith(f"# yaml-language-server: $schema={SCHEMA_FILE}\n"), path
        content = parse_yaml(written)
        allowed = {"walltime"} if path.stem in shipped.GENERIC else set()
        asked = set(content.get("ask", {})).union(
            *(target.get("ask", {}) for target in content.get("targets", {}).values())
        )
        assert keys(content) & set(PERSONAL) <= allowed | asked, path
        for word in re.findall(r"/(?:home|users?)/([^/\s]+)", written):
            assert word.startswith("$"), f"{path}: a home folder: {word}"


def test_a_profile_says_where_its_facts_are_from() -> None:
    for name in shipped.NAMES:
        profile = shipped.site(name).profile
        assert profile.confidence in ("documented", "peer-profile"), name
        for said in ("sources", "name", "centre", "targets"):
            assert getattr(profile, said), f"{name}: {said}"
        assert profile.until is None, name
        for source in profile.sources:
            assert source.title and source.where, name
            assert source.checked, f"{name}: {source.title}: when was it read?"
            named = "Users' job scripts" in source.title
            web = source.where.startswith(("https://", "http://www.idris.fr/"))
            assert web or named, f"{name}: {source.where}"
        assert profile.checked == max(str(source.checked) for source in profile.sources), name


# The node's type is all that is asked for there, and what it brings is not established.
BRINGS_ITS_CORES = {"hunter"}


def test_every_target_states_its_time_cores_and_memory_or_asks_for_them() -> None:
    """A cluster's own default may be ten minutes, one core, or 256 MB."""
    targets = [(name, target) for name in shipped.NAMES
               for target in shipped.site(name).profile.targets]  # fmt: skip
    for name, target in targets:
        site = complete(shipped.site(name).at(target), {})
        asked, whole = open_questions(site), site.node_sharing == "whole"
        assert site.walltime or "walltime" in asked, (name, target)
        brought = whole or "--cpus-per-task" in site.forbidden_directives
        known = brought or name in BRINGS_ITS_CORES
        assert site.cores or "cores" in asked or known, (name, target)
        brought = whole or site.memory_style in ("omit", "forbidden", "mem-zero")
        stated = site.memory or site.limits.min_memory
        assert stated or "memory" in asked or brought, (name, target)


def test_nodes_that_the_trainer_was_not_made_for_are_known() -> None:
    """Their profiles say so: a dry run tells what works there (tests/launch/test_container.py)."""
    found: dict[str, set[str]] = {}
    for name in shipped.NAMES:
        for target in shipped.site(name).profile.targets:
            node = shipped.site(name).at(target).node
            if node.arch == "aarch64":
                found.setdefault("aarch64", set()).add(name)
            if (maker := gpu_maker(node.gpu)) in ("AMD", "Intel"):
                found.setdefault(str(maker), set()).add(name)
    assert found == {
        "aarch64": {
            "daint", "deltaai", "isambard-ai", "isambard3", "jupiter", "roihu", "vista",
        },
        "AMD": {"adastra", "bunya", "frontier", "hunter", "lumi", "setonix", "viper"},
        "Intel": {"aurora", "stampede3"},
    }  # fmt: skip


def test_a_closed_cluster_is_not_shipped() -> None:
    closed = [name for name in shipped.CLUSTERS if name not in shipped.NAMES]
    assert closed == ["archer2"]
    assert shipped.site("archer2").profile.until == "2026-11-21"


def test_every_question_is_asked_of_those_who_have_not_answered() -> None:
    """Without answers no target is submitted that has a question; with them, all are."""
    for name in shipped.NAMES:
        site = shipped.site(name)
        for target in site.profile.targets:
            at = site.at(target)
            needs = set(at.ask) | ({"account"} if at.account_rule.needed == "always" else set())
            if not needs or at.limits.min_nodes or at.limits.min_memory:
                continue
            named = shipped.site(name).profile.model_copy(update={"target": target})
            with pytest.raises(HpctrainError) as caught:
                choose(type(site)(name, named, site.files, site.layers), {})
            assert "needs to know" in caught.value.message
            for key in needs:
                assert f"  {key}: " in caught.value.message, f"{name} {target}"


RULES = read_rules(None)
RECOGNISED: dict[str | None, tuple[dict[str, str], str]] = {
    "perlmutter": ({"NERSC_HOST": "perlmutter"}, "login07"),
    "frontier": ({}, "login03.frontier.olcf.ornl.gov"),
    "andes": ({"LMOD_SYSTEM_NAME": "andes"}, "andes-login1"),
    "stampede3": ({}, "login1.stampede3.tacc.utexas.edu"),
    "frontera": ({}, "login4.frontera.tacc.utexas.edu"),
    "anvil": ({"RCAC_CLUSTER": "anvil"}, "login02"),
    "delta": ({"LMOD_SYSTEM_NAME": "Delta"}, "dt-login03"),
    "narval": ({"CC_CLUSTER": "narval"}, "narval1"),
    "trillium": ({"CC_CLUSTER": "trillium"}, "tri-login01"),
    "juwels-booster": ({"SYSTEMNAME": "juwelsbooster"}, "jwlogin21.juwels"),
    "jupiter": ({"SYSTEMNAME": "jupiter"}, "jpbl-s01-01"),
    "daint": ({"CLUSTER_NAME": "daint"}, "daint-ln001"),
    "greatlakes": ({"CLUSTER_NAME": "greatlakes"}, "gl-login1"),
    "derecho": ({"NCAR_HOST": "derecho"}, "derecho1"),
    "polaris": ({}, "polaris-login-01"),
    "aurora": ({}, "x4000c0s0b0n0"),
    "vega": ({}, "vglogin0001"),
    None: ({}, "workstation"),
}


def test_recognised() -> None:
    for name, where in RECOGNISED.items():
        found = [site.name for site in recognise(RULES, *where)]
        assert found == ([name] if name else []), where


def test_no_two_clusters_take_each_other_for_themselves() -> None:
    """What one is known by, the others are not."""
    for name in set(names(None)) - set(shipped.GENERIC):
        rule = shipped.site(name).profile.recognise
        for variable, values in rule.variable.items():
            for value in values:
                assert [site.name for site in recognise(RULES, {variable: value}, "x")] == [name]
