"""qstat's text, broken or not, as jobs: one that is broken hides no other."""

from __future__ import annotations

import json
from typing import Any

import pytest
from paths import RECORDED

from hpctrain.schedulers.pbs.reply import Job, from_json, from_text
from hpctrain.schedulers.pbs.states import judge

OF_PBS = RECORDED / "pbs"
TOKEN = "20261124-033000-ab12.01"
LAYOUTS = ("2306", "master")


def out(name: str) -> str:
    return (OF_PBS / f"{name}.out").read_bytes().decode("utf-8", "replace")


def jobs_of(name: str) -> dict[str, Job]:
    jobs, whole = from_json(out(name))
    assert whole
    return {job.job_id: job for job in jobs}


# ---------------------------------------------------------------- recorded


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize(
    ("kind", "job_id", "variables"),
    [
        ("plain", "39.pbsnode", "A=1,"),
        ("commas", "40.pbsnode", "A=x,y,B=2,"),
        ("quotes", "41.pbsnode", "A=he said \\"),
        ("backslash", "42.pbsnode", "A=a\\"),
        ("newline", "43.pbsnode", "A=l1\nl2,"),
        ("utf8", "44.pbsnode", "A="),
        ("empty", "45.pbsnode", "A="),
        ("eq", "46.pbsnode", "A="),
        ("V", "47.pbsnode", "FUNNY=()  { :; },"),
        ("num", "48.pbsnode", "C=NaN,"),
        ("name_num", "49.pbsnode", "PBS_O_WORKDIR=/home/alice/jobs,"),
        ("acct", "50.pbsnode", "PBS_O_WORKDIR=/home/alice/jobs,"),
    ],
)
def test_odd_variables(kind: str, job_id: str, variables: str, layout: str) -> None:
    ((found, job),) = jobs_of(f"weird_{kind}_{layout}").items()
    assert found == job_id
    assert job.get("Job_Name") == ("1e5" if kind == "name_num" else "exit0")
    assert job.get("Job_Owner") == "alice@pbsnode"
    assert (job.get("job_state"), job.get("substate"), job.get("Hold_Types")) == ("H", "20", "u")
    assert job.get("Resource_List.ncpus") == "1"
    assert str(job.get("Submit_arguments")).endswith("exit0.sh")
    assert variables in str(job.get("Variable_List"))
    assert job.token is None


def test_every_odd_recording_was_read() -> None:
    assert len(list(OF_PBS.glob("weird_*.out"))) == 24


def test_that_one_of_them_is_no_json() -> None:
    with pytest.raises(ValueError, match=r"control character|delimiter"):
        json.loads(out("weird_utf8_2306"))


@pytest.mark.parametrize(
    ("name", "number"), [("all_x_json", 31), ("all_x_json_old", 31), ("many", 64)]
)
def test_long_lists(name: str, number: int) -> None:
    jobs = jobs_of(name)
    assert len(jobs) == number
    assert all(job.get("job_state") and job.get("substate") for job in jobs.values())


def test_both_clients_say_the_same() -> None:
    new, old = jobs_of("all_x_json"), jobs_of("all_x_json_old")
    told = ("Job_Name", "job_state", "substate", "Exit_status", "comment", "depend")
    for job_id, job in new.items():
        assert [job.get(name) for name in told] == [old[job_id].get(name) for name in told]


@pytest.mark.parametrize(
    "name",
    ["qstat_unknown", "qstat_finished_without_x", "down_qstat_json", "down_qstat_old",
     "multi_json_E_unknown_only"],
)  # fmt: skip
def test_valid_json_without_jobs(name: str) -> None:
    assert from_json(out(name)) == ([], True)


# ---------------------------------------------------------------- text


@pytest.mark.parametrize("other", ["multi_json_old", "multi_json_E"])
def test_text_and_json_say_the_same(other: str) -> None:
    jobs = jobs_of(other)
    texts = from_text(out("multi_text"))
    assert [job.job_id for job in texts] == list(jobs)
    for job in texts:
        assert judge(job, "alice") == judge(jobs[job.job_id], "alice")
        assert job.get("Resource_List.select") == "1:ncpus=1"
        assert job.get("resources_used.walltime") == (
            jobs[job.job_id].get("resources_used.walltime")
        )
        assert str(job.get("Variable_List")).endswith("PBS_O_QUEUE=workq,PBS_O_HOST=pbsnode")


def test_the_released_client_with_e_and_its_text() -> None:
    """Asked for an unknown one too; the text cuts the arguments in the middle of the token."""
    jobs, texts = jobs_of("live_E_json"), from_text(out("live_E_text"))
    assert list(jobs) == [job.job_id for job in texts]
    ends = ["ab12.01", "ab13.01", "ab19.01", "ab11.02"]
    for job, end in zip(texts, ends, strict=True):
        same = jobs[job.job_id]
        assert job.token == same.token == f"20261124-000000-{end}"
        assert job.get("Submit_arguments") == same.get("Submit_arguments")
        assert judge(job, "alice") == judge(same, "alice")


def as_text(name: str) -> str:
    """The same jobs as qstat -f prints them: by the rules of its manual, not by our reader."""
    lines = []
    for job_id, job in json.loads(out(name), parse_int=str, parse_float=str)["Jobs"].items():
        lines.append(f"Job Id: {job_id}")
        for key, value in job.items():
            if key == "Variable_List":
                pairs = [f"{variable}={item}" for variable, item in value.items()]
                lines.append(f"    {key} = {pairs[0]}," + ",\n\t".join(["", *pairs[1:]])[1:])
            elif isinstance(value, dict):
                lines += [f"    {key}.{item} = {amount}" for item, amount in value.items()]
            else:
                lines.append(f"    {key} = {value}")
        lines.append("")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "name", ["all_x_json", "many", "qstat_walltime_killed_json", "select_json"]
)
def test_every_recorded_job_reads_the_same_from_text(name: str) -> None:
    jobs = jobs_of(name)
    texts = from_text(as_text(name))
    assert [job.job_id for job in texts] == list(jobs)
    for job in texts:
        assert judge(job, "alice") == judge(jobs[job.job_id], "alice")
        for key in ("Job_Name", "Resource_List.walltime", "Submit_arguments"):
            assert job.get(key) == jobs[job.job_id].get(key)


def test_text_is_cut_anywhere() -> None:
    token = f"HPCTRAIN_TOKEN={TOKEN}"
    for place in range(1, len(token)):
        text = (
            f"Job Id: 1.s\n    job_state = R\n    Variable_List = A=1,{token[:place]}\n"
            f"\t{token[place:]},HPCTRAIN_ATTEMPT=1\n    queue = q\n\n"
            "Job Id: 2.s\n    job_state = Q\n"
        )
        first, second = from_text(text)
        assert (first.token, first.get("queue"), second.get("job_state")) == (TOKEN, "q", "Q")


def test_text_of_nobody() -> None:
    assert from_text("") == []
    assert from_text("Job Id: \n\nJob Id: not one\n    job_state = R\n") == []
    assert from_text("qstat: something else\n") == []


# ---------------------------------------------------------------- broken


def reply(layout: str, *jobs: tuple[str, list[str]]) -> str:
    """A reply with these jobs: (id, members of Variable_List as they are)."""
    tab, gap = ("\t", "\t") if layout == "master" else ("    ", "")
    lines = ["{", f'{tab}"timestamp":{gap}1795441046,', f'{tab}"Jobs":{gap}{{']
    for number, (job_id, variables) in enumerate(jobs, 1):
        members = [
            f'"Job_Name":{gap}"n{number}"',
            f'"Job_Owner":{gap}"alice@pbsnode"',
            f'"resources_used":{gap}{{\n{tab * 4}"walltime":{gap}"00:00:04"\n{tab * 3}}}',
            f'"job_state":{gap}"F"',
            f'"Resource_List":{gap}{{\n{tab * 4}"walltime":{gap}"01:00:00"\n{tab * 3}}}',
            f'"stime":{gap}"Mon Nov 23 13:34:53 2026"',
            f'"substate":{gap}93',
            f'"Variable_List":{gap}{{\n'
            + ",\n".join(f"{tab * 4}{line}" for line in variables)
            + f"\n{tab * 3}}}",
            f'"comment":{gap}"Job run at x and failed"',
            f'"Exit_status":{gap}7',
            f'"Submit_arguments":{gap}"-f -v HPCTRAIN_TOKEN={TOKEN[:-1]}{number} job.sh"',
        ]
        comma = "" if number == len(jobs) else ","
        lines.append(f'{tab * 2}"{job_id}":{gap}{{')
        lines.append(",\n".join(f"{tab * 3}{member}" for member in members))
        lines.append(f"{tab * 2}}}{comma}")
    return "\n".join([*lines, f"{tab}}}", "}", ""])


def parses(text: str) -> bool:
    try:
        json.loads(text, strict=False)
    except ValueError:
        return False
    return True


KINDS: dict[str, list[str]] = {
    "bare NaN": ['"C":NaN'],
    "a number of a name": ['"B":1e5'],
    "leading zeros": ['"A":007'],
    "a lone minus": ['"A":-'],
    "bytes that are not text": ['"A":"\ufffd\ufffd"'],
    "a quote among them": ['"A":"^\x03\ufffd^"^\ufffd"'],
    "quotes": ['"A":"he said "hi" to me"'],
    "quotes at both ends": ['"A":""hi""'],
    "a backslash at the end": ['"A":"C:\\"'],
    "unknown escapes": ['"A":"C:\\users\\x"'],
    "control characters": ['"A":"\x01\x1b[31m\x0b\x0c\x85\u2028"'],
    "an empty variable": ['"A":",PBS_O_WORKDIR=/home/alice/jobs"'],
    "no value": ['"A":'],
    "no value, no colon": ['"A"'],
    "a line break": ['"A":"l1\nl2"'],
    "a function": ['"BASH_FUNC_f%%":"() {  echo "x"\n}"'],
    "braces": ['"A":{}', '"B":"{"', '"C":"}"', '"D":"},"'],
    "a comma too many": ['"A":1', ""],
    "nothing": [],
}
# What a reader of JSON takes all the same.
WHOLE = {"bare NaN", "a number of a name", "bytes that are not text", "control characters",
         "an empty variable", "a line break", "braces", "nothing"}  # fmt: skip


def healthy(job: Job) -> bool:
    variables = job.get("Variable_List") == "PBS_O_QUEUE=workq,PBS_O_HOST=pbsnode"
    return variables and readable(job)


def readable(job: Job) -> bool:
    what = judge(job, "alice")
    return (
        (what.state, what.raw, what.exit_code) == ("failed", "F/93", 7)
        and job.get("Job_Owner") == "alice@pbsnode"
        and job.get("Resource_List.walltime") == "01:00:00"
        and job.get("resources_used.walltime") == "00:00:04"
    )


GOOD = ['"PBS_O_QUEUE":"workq"', '"PBS_O_HOST":"pbsnode"']


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_job_between_two_healthy_ones(kind: str, layout: str) -> None:
    text = reply(layout, ("1.s", GOOD), ("2.s", KINDS[kind]), ("3[].s", GOOD))
    assert parses(text) is (kind in WHOLE)
    jobs, whole = from_json(text)
    assert whole
    first, broken, third = jobs
    assert [job.job_id for job in jobs] == ["1.s", "2.s", "3[].s"]
    assert healthy(first)
    assert healthy(third)
    assert readable(broken)
    assert [job.token for job in jobs] == [f"{TOKEN[:-1]}{n}" for n in (1, 2, 3)]
    assert [job.get("Job_Name") for job in jobs] == ["n1", "n2", "n3"]


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("name", ["1e5", "007", "NaN", "12", "-Infinity", "0x1"])
def test_a_name_that_looks_like_a_number_stays(name: str, layout: str) -> None:
    text = reply(layout, ("1.s", GOOD), ("2.s", GOOD), ("3.s", GOOD)).replace('"n2"', name)
    jobs, whole = from_json(text)
    assert whole
    assert [job.get("Job_Name") for job in jobs] == ["n1", name, "n3"]
    assert all(healthy(job) for job in jobs)


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_job_that_is_cut_short_in_the_middle(layout: str) -> None:
    text = reply(layout, ("1.s", GOOD), ("2.s", GOOD), ("3.s", GOOD))
    second, third = text.index('"2.s"'), text.index('"3.s"')
    line = text.rindex("\n", 0, third)
    for end in range(second + 12, line, 7):
        jobs, whole = from_json(text[:end] + text[line:])
        assert whole
        assert (jobs[0].job_id, jobs[-1].job_id) == ("1.s", "3.s")
        assert healthy(jobs[0])
        assert healthy(jobs[-1])
        for job in jobs[1:-1]:
            # Cut off before its exit code, it has not ended well, nor "never run".
            what = judge(job, "alice")
            assert (what.state, what.exit_code) in (("failed", 7), ("unknown", None))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_reply_that_is_cut_short_is_not_whole(layout: str) -> None:
    text = reply(layout, ("1.s", GOOD), ("2.s", GOOD))
    for end in range(len(text.rstrip()) - 1):
        jobs, whole = from_json(text[:end])
        assert not whole
        if end > text.index('"2.s"'):
            assert healthy(jobs[0])


@pytest.mark.parametrize("text", ["", "\n", "null", "[]", "{", "<Data/>", "no jobs", '{"Jobs": '])
def test_no_reply(text: str) -> None:
    assert from_json(text) == ([], False)


@pytest.mark.parametrize("jobs", ["null", "[]", "1", '{"1.s": 1, "2.s": null}'])
def test_jobs_that_are_none(jobs: str) -> None:
    assert from_json(f'{{"Jobs": {jobs}}}') == ([], True)


@pytest.mark.parametrize(
    ("text", "token"),
    [
        (f'"HPCTRAIN_TOKEN":"{TOKEN}"', TOKEN),
        (f'"HPCTRAIN_TOKEN":\t"{TOKEN}"', TOKEN),
        (f'"HPCTRAIN_TOKEN" : "{TOKEN}"', TOKEN),
        (f'"X":",HPCTRAIN_TOKEN={TOKEN},HPCTRAIN_ATTEMPT=1"', TOKEN),
        (f"HPCTRAIN_TOKEN='{TOKEN}'", TOKEN),
        ("HPCTRAIN_TOKEN=20261124-033000-ab12.012", "20261124-033000-ab12.012"),
        ("HPCTRAIN_TOKEN=", None),
        ("HPCTRAIN_TOKEN=something", None),
        (f"HPCTRAIN_ATTEMPT={TOKEN}", None),
    ],
)
def test_the_token(text: str, token: str | None) -> None:
    attributes: dict[str, Any] = {}
    assert Job("1.s", attributes, text).token == token
    assert Job("1.s", {"Variable_List": text}).token == token
    assert (
        Job("1.s", {"Submit_arguments": text, "Variable_List": "HPCTRAIN_TOKEN=x"}).token == token
    )
