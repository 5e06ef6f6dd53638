"""The records people write: what is taken, what is refused."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from pydantic import ValidationError

from hpctrain.data.check.names import CHECKS
from hpctrain.engines import DEFAULT, NAMES, engine_of
from hpctrain.engines.pacemaker.settings import PacemakerTraining
from hpctrain.errors import HpctrainError
from hpctrain.fields import Record, walltime_seconds
from hpctrain.files import resource
from hpctrain.project import SCHEMA
from hpctrain.settings import (
    NEVER_SILENCED,
    CheckName,
    DataConfig,
    json_schema,
    project_model,
    schema_text,
)
from hpctrain.sites.profile import SiteProfile
from hpctrain.yamlfile import validate

PROJECT = project_model("pacemaker")
MINIMAL: dict[str, Any] = {"project": "al", "data": {"source": "x.db"}}


def project(**training: Any) -> Any:
    return PROJECT.model_validate({**MINIMAL, "training": training})


def site(**keys: Any) -> SiteProfile:
    return SiteProfile.model_validate({"scheduler": "slurm", **keys})


def test_the_defaults_are_those_of_the_documentation() -> None:
    config = PROJECT.model_validate(MINIMAL)
    data, training = config.data, config.training
    assert (data.select, data.generations, data.test_fraction, data.seed) == (
        None, "all", 0.1, 42,
    )  # fmt: skip
    assert (training.cutoff, training.b_basis_size, training.force_share) == (6.0, 300, 0.5)
    assert (training.kappa, training.kappa_f) == (None, None)
    assert (training.max_iter, training.overrides, config.site) == (1000, {}, None)


@pytest.mark.parametrize(
    ("walltime", "seconds"),
    [
        ("00:00:01", 1),
        ("12:00:00", 43200),
        ("2:30:00", 9000),
        ("100:00:00", 360000),
        ("2-00:00:00", 172800),
        ("10-23:59:59", 950399),
    ],
)
def test_walltimes(walltime: str, seconds: int) -> None:
    assert walltime_seconds(walltime) == seconds
    if seconds > 300:
        assert site(walltime=walltime).walltime == walltime


@pytest.mark.parametrize("walltime", ["00:00:01", "00:04:59", "00:05:00"])
def test_the_margin_fits_into_the_walltime(walltime: str) -> None:
    with pytest.raises(ValueError, match=r"the margin .* must be shorter"):
        site(walltime=walltime)
    assert site(walltime="00:05:01", margin="00:05:00").margin == "00:05:00"


@pytest.mark.parametrize(
    "walltime",
    [
        "", "12", "12:00", "12:60:00", "12:00:60", "00:00:00", "0-00:00:00", "1-2", "-12:00:00",
        "12:00:00\n", " 12:00:00", "1000:00:00", "12:00:00.5", "١٢:00:00", "12h", "infinite",
        "12:00:00 --exclusive",
    ],
)  # fmt: skip
def test_what_is_no_walltime(walltime: str) -> None:
    with pytest.raises(ValueError, match="a walltime"):
        walltime_seconds(walltime)
    with pytest.raises(ValidationError, match="a walltime"):
        site(walltime=walltime)


def test_a_walltime_that_yaml_has_taken_for_a_number() -> None:
    with pytest.raises(ValidationError, match="is written in quotes"):
        site(walltime=43200)


@pytest.mark.parametrize(
    "training",
    [
        {"cutoff": 0}, {"cutoff": -1}, {"cutoff": float("nan")}, {"cutoff": float("inf")},
        {"cutoff": True}, {"cutoff": None}, {"cutoff": [6]}, {"cutoff": "far"},
        {"b_basis_size": 0}, {"b_basis_size": 2.5}, {"b_basis_size": "many"},
        {"kappa": -0.1}, {"kappa_f": -1}, {"kappa_f": float("inf")},
        {"force_share": -0.1}, {"force_share": 1.1}, {"force_share": None},
        {"max_iter": 0}, {"max_iter": True}, {"max_iter": None},
        {"evaluator": "tensorflow"}, {"optimizer": "Adam"}, {"engine": "mace"},
        {"batch_size": 0}, {"display_step": 0}, {"seed": -1}, {"seed": 2**32}, {"seed": "x"},
        {"reference_energies": "none"}, {"reference_energies": {"Al": "x"}},
        {"reference_energies": {"Al": float("nan")}}, {"overrides": [1]}, {"overrides": None},
    ],
)  # fmt: skip
def test_settings_that_are_refused(training: dict[str, Any]) -> None:
    [key] = training
    with pytest.raises(ValidationError) as caught:
        project(**training)
    assert {detail["loc"][:2] for detail in caught.value.errors()} == {("training", key)}


@pytest.mark.parametrize(
    "training",
    [
        {"force_share": 0}, {"force_share": 1},
        {"cutoff": 4.5}, {"cutoff": 5}, {"kappa": 0}, {"kappa_f": 0}, {"kappa": "1e-3"},
        {"evaluator": "pyace"}, {"reference_energies": "auto"},
        {"reference_energies": {"Al": -0.3, "Cu": 1}}, {"overrides": {"fit": {"a": [1, None]}}},
    ],
)  # fmt: skip
def test_settings_that_are_taken(training: dict[str, Any]) -> None:
    [(key, value)] = training.items()
    found = getattr(project(**training).training, key)
    assert found == (float(value) if key == "kappa" else value)


@pytest.mark.parametrize(
    "data",
    [
        {"test_fraction": 0}, {"test_fraction": 1}, {"test_fraction": 10}, {"generations": "first"},
        {"generations": ["a"]}, {"generations": 1}, {"source": 3}, {"source": None},
        {"split": "sorted"}, {"seed": None}, {"select": 3},
    ],
)  # fmt: skip
def test_data_settings_that_are_refused(data: dict[str, Any]) -> None:
    [key] = data
    with pytest.raises(ValidationError) as caught:
        PROJECT.model_validate({"project": "al", "data": {"source": "x.db", **data}})
    assert {detail["loc"][:2] for detail in caught.value.errors()} == {("data", key)}


@pytest.mark.parametrize(
    "name", ["", "a b", "a/b", "../a", "-a", ".a", "a\n", "a;b", "é", "x" * 61, "$(x)", 3]
)
def test_project_names_that_could_not_stand_in_a_job_name(name: Any) -> None:
    with pytest.raises(ValidationError):
        PROJECT.model_validate({**MINIMAL, "project": name})
    if isinstance(name, str):
        with pytest.raises(ValidationError):
            site(template=name)


@pytest.mark.parametrize("name", ["al", "Al-ACE_2.0+x", "7", "x" * 60])
def test_project_names(name: str) -> None:
    assert PROJECT.model_validate({**MINIMAL, "project": name}).project == name


@pytest.mark.parametrize(
    "keys",
    [
        {"partition": "a b"}, {"partition": "a\n#SBATCH --x"}, {"account": "$(id)"}, {"qos": ""},
        {"partition": "-x"}, {"constraint": "a;b"}, {"constraint": "`x`"}, {"gpu_type": "a'b"},
        {"memory": "16"}, {"memory": "16 g b"}, {"memory": "0G"}, {"memory": 16},
        {"memory": "1.5G"},
        {"nodes": 0}, {"tasks": -1}, {"cores": 0}, {"cores": True}, {"gpus": -1},
        {"modules": ["a\nb"]}, {"modules": "gcc"}, {"setup": ["a\r\nb"]}, {"setup": [""]},
        {"extra_directives": ["--x\necho"]}, {"launcher": ["srun\x00"]}, {"output": "a\nb"},
        {"environment": {"A B": "x"}}, {"environment": {"1A": "x"}}, {"environment": {"A=B": "x"}},
        {"environment": {"A": 1}}, {"environment": {"A": "x\x00y"}}, {"environment": ["A=1"]},
        {"scheduler": "lsf"}, {"memory_style": "all"}, {"gpu_dialect": "gpu"},
        {"trainer": {"python": "a\nb"}}, {"trainer": "python"}, {"mail_user": "a b@c"},
        {"description": "a\nb"}, {"partition": False},
    ],
)  # fmt: skip
def test_profiles_that_are_refused(keys: dict[str, Any]) -> None:
    [key] = keys
    with pytest.raises(ValidationError) as caught:
        site(**keys)
    assert {detail["loc"][0] for detail in caught.value.errors()} == {key}


@pytest.mark.parametrize(
    "keys",
    [
        {"constraint": "[a100|v100]&ib"}, {"account": "m1234_g"}, {"mail_user": "me@example.org"},
        {"memory": "16G"}, {"environment": {"A": "two\nlines $(x) 'q'"}}, {"setup": ["a; b | c"]},
        {"gpus": 0}, {"launcher": ["srun", "--cpu-bind=none"]}, {"partition": "cpu,big"},
    ],
)  # fmt: skip
def test_profiles_that_are_taken(keys: dict[str, Any]) -> None:
    [(key, value)] = keys.items()
    assert getattr(site(**keys), key) == value


@pytest.mark.parametrize(
    ("written", "memory"),
    [("16GB", "16G"), ("16g", "16G"), ("16 GB", "16G"), ("512MiB", "512M"), ("1tb", "1T"),
     ("016G", "16G"), (" 16G ", "16G")],
)  # fmt: skip
def test_memory_as_people_write_it(written: str, memory: str) -> None:
    assert site(memory=written).memory == memory
    assert site(limits={"max_memory": written}).limits.max_memory == memory


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"memory": 4000}, "which unit? must be a whole number and K, M, G or T, for example"),
        ({"memory": "4000"}, "which unit?"),
        ({"memory": "1.5G"}, "for 1.5G, write 1536M"),
        ({"memory": "1.3 TB"}, "for 1.3 TB, write 1332G"),
        ({"memory": 0}, "memory_style: mem-zero"),
        ({"memory": "much"}, "for example 16G"),
        ({"memory": "9999999T"}, "surely a mistake"),
        ({"account": "my account"}, "must be one word without blanks"),
        ({"partition": "gpu;debug"}, "for example gpu_long"),
        ({"constraint": "a b"}, "for example [a100|v100]&ib"),
        ({"output": "%x.out"}, "for example job-%j.out"),
        ({"umask": "9999"}, 'for example "0027"'),
        ({"required_directives": ["account"]}, "for example --account or -l walltime"),
        ({"environment": {"A-B": "x"}}, "for example OMP_PROC_BIND"),
        ({"chunk": {"model": "a b"}}, "for example mil_ait"),
        ({"resources": {"filesystems": "a b"}}, "for example home:eagle"),
        ({"ask": {"A": "Which?"}}, "for example resources.filesystems"),
        ({"account_rule": {"suffix": "a b"}}, "for example _gpu"),
        ({"checked": "yesterday"}, "for example 2026-11"),
        ({"template": "a/b"}, "for example al-pbe"),
        ({"setup": [""]}, "one line of text"),
    ],
)
def test_refusals_by_pattern_are_words_with_an_example(keys: dict[str, Any], words: str) -> None:
    with pytest.raises(HpctrainError) as caught:
        validate(SiteProfile, {"scheduler": "slurm", **keys}, "--set site")
    assert words in caught.value.message
    assert "pattern" not in caught.value.message
    assert "\n" not in caught.value.message


def test_a_projects_name_in_words() -> None:
    with pytest.raises(HpctrainError, match="for example al-pbe") as caught:
        validate(PROJECT, {**MINIMAL, "project": "my potential"}, "hpctrain.yaml")
    assert caught.value.message.endswith("(it is 'my potential')")


@pytest.mark.parametrize(
    ("key", "number", "why"),
    [
        ("cutoff", 1e308, "the neighbours grow"),
        ("cutoff", "1e308", "the neighbours grow"),
        ("max_iter", 10**400, "each takes a second or so"),
        pytest.param("max_iter", 10**5000, "each takes a second or so", id="too-long-to-print"),
        ("b_basis_size", 10**9, "some hundreds are usual"),
        ("batch_size", 10**30, "a number of structures"),
        ("kappa", 1e300, "only the ratio"),
        ("verify_minutes", 1e9, "0 switches the checks off"),
        ("reference_energies", {"Al": -1e300}, "eV per atom"),
    ],
)
def test_absurd_numbers_are_refused_with_a_reason(key: str, number: Any, why: str) -> None:
    content = {**MINIMAL, "training": {key: number}}
    with pytest.raises(HpctrainError) as caught:
        validate(PROJECT, content, "hpctrain.yaml")
    assert f"training.{key}: more than" in caught.value.message
    assert why in caught.value.message
    assert len(caught.value.message) < 300


@pytest.mark.parametrize("key", ["nodes", "tasks", "cores", "gpus", "cores_per_gpu"])
def test_absurd_requests_are_refused(key: str) -> None:
    with pytest.raises(ValidationError, match=r"no cluster|no node"):
        site(**{key: 10**400})


@pytest.mark.parametrize("walltime", ["9999-00:00:00", f"{10**21}-00:00:00", f"{10**9}-00:00:00"])
def test_absurd_walltimes_are_refused(walltime: str) -> None:
    with pytest.raises(ValidationError, match="more than ten years"):
        site(walltime=walltime)
    assert walltime_seconds("3660-00:00:00") == 3660 * 86400


def test_seeds_may_have_64_bits() -> None:
    with_seed = {**MINIMAL, "data": {"source": "x.db", "seed": 2**64}}
    assert PROJECT.model_validate(with_seed).data.seed == 2**64


def test_a_margin_longer_than_the_walltime_in_one_line() -> None:
    content = {"scheduler": "slurm", "walltime": "00:03:00", "setup": ["a long line"] * 50}
    with pytest.raises(HpctrainError) as caught:
        validate(SiteProfile, content, "--set site")
    assert caught.value.message == (
        "--set site: the margin (00:05:00) must be shorter than the walltime (00:03:00); "
        "set a shorter margin, or a longer walltime"
    )


def every_record() -> list[type[Record]]:
    return [*Record.__subclasses__()]


def test_every_record_refuses_unknown_keys_and_changes() -> None:
    assert len(every_record()) >= 5
    for record in every_record():
        assert record.model_config["extra"] == "forbid"
        assert record.model_config["frozen"] is True
    with pytest.raises(ValidationError):
        PacemakerTraining().cutoff = 5.0  # type: ignore[misc]


def test_a_key_is_a_switch_or_no_truth_value() -> None:
    """What lets every record refuse `yes` and `no` where YAML has made them True and False."""
    for record in every_record():
        for name, field in record.model_fields.items():
            assert field.annotation is bool or "bool" not in str(field.annotation), name


@pytest.mark.parametrize("value", [1, 0, "yes", "no", "true", None])
def test_a_switch_is_true_or_false(value: object) -> None:
    assert PacemakerTraining().active_set is True
    assert PacemakerTraining.model_validate({"active_set": False}).active_set is False
    with pytest.raises(ValidationError, match="this key is true or false"):
        PacemakerTraining.model_validate({"active_set": value})


def test_the_checks_that_can_be_silenced_are_those_that_there_are() -> None:
    assert list(get_args(CheckName)) == sorted(CHECKS.keys() - {NEVER_SILENCED})
    assert NEVER_SILENCED in CHECKS
    names = list(get_args(CheckName))
    assert DataConfig.model_validate({"source": "x.db", "silence": names}).silence == names


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("net_forces", "there is no check 'net_forces' (did you mean 'net_force'?)"),
        ("?", "there is no check '?' (of 20, the nearest: "),
        ("unusable", "'unusable' cannot be silenced: submit refuses such rows; use --skip-bad"),
        (3, "must be text; write it in quotes (it is 3)"),
    ],
)
def test_checks_that_cannot_be_silenced(name: object, words: str) -> None:
    with pytest.raises(HpctrainError) as caught:
        validate(DataConfig, {"source": "x.db", "silence": [name]}, "here")
    assert caught.value.message.startswith(f"here: silence: {words}")


def test_a_trainer_with_an_environment_of_its_own() -> None:
    """It has what its section says, and nothing of the keys beside it; the others have these."""
    asked = {"container": "/a.sif", "pacemaker": {"python": "/b/bin/python", "evaluator": "pyace"}}
    trainer = site(trainer=asked).trainer
    assert trainer.named == ("pacemaker",)
    own, other = trainer.of("pacemaker"), trainer.of("another")
    assert (own.python, own.evaluator, own.container) == ("/b/bin/python", "pyace", None)
    assert (other.python, other.container) == (None, "/a.sif")
    with pytest.raises(HpctrainError, match=r"there is no key or trainer 'pacemakr' \(did you"):
        validate(SiteProfile, {"scheduler": "slurm", "trainer": {"pacemakr": {}}}, "site.yaml")


def test_the_schema_for_editors_is_current_and_knows_every_trainer() -> None:
    """After a change of the records, write settings.schema_text() into project.SCHEMA."""
    assert resource(SCHEMA).read_text(encoding="utf-8") == schema_text()
    schema = json_schema()
    sections = [schema["$defs"][one["$ref"].rpartition("/")[2]]
                for one in schema["properties"]["training"]["anyOf"]]  # fmt: skip
    for name, section in zip(NAMES, sections, strict=True):
        assert {*section["properties"]} == {*engine_of(name).settings.model_fields}
        assert section["properties"]["engine"]["const"] == name
        assert section["additionalProperties"] is False
        assert ("engine" in section.get("required", ())) == (name != DEFAULT)
