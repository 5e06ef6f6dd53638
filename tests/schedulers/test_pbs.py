"""What PBS is asked, and how its answers are taken. They were recorded from a real one."""

from __future__ import annotations

import os
import pwd
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import pytest
from paths import RECORDED

from hpctrain.errors import SiteUnreachable
from hpctrain.files import put_job
from hpctrain.process import Reply, converse
from hpctrain.project import Project
from hpctrain.runs.jobs import belongs, carries, job_request
from hpctrain.schedulers import scheduler_of
from hpctrain.schedulers.base import (
    JobState,
    JobView,
    Refused,
    Scheduler,
    Submitted,
    Unclear,
)
from hpctrain.schedulers.pbs.scheduler import MOST_IDS, PbsScheduler, short_name
from hpctrain.sites.load import load
from hpctrain.sites.profile import SiteProfile

OF_PBS = RECORDED / "pbs"
PBS: Scheduler = PbsScheduler()
RUN = "20261124-033000-ab12"
JOB = job_request("al-ace", RUN, 1, "job-%j.out")


def site(**keys: Any) -> SiteProfile:
    return SiteProfile.model_validate({"scheduler": "pbs", **keys})


def reply(
    program: str, out: str = "", code: int | None = 0, err: str = "", problem: str | None = None
) -> Reply:
    return Reply((program,), code, out, err, problem)


def recorded(name: str) -> Reply:
    def text(suffix: str) -> str:
        path = OF_PBS / f"{name}.{suffix}"
        return path.read_bytes().decode("utf-8", "replace") if path.exists() else ""

    return Reply((text("cmd").split()[0],), int(text("rc")), text("out"), text("err"))


# ---------------------------------------------------------------- submitting


def test_submit_argv() -> None:
    told = f"HPCTRAIN_TOKEN={RUN}.01,HPCTRAIN_ATTEMPT=1"
    assert PBS.submit_argv("job.sh", JOB, site()) == [
        "qsub", "-f", "-N", "al-ace.ab12.01", "-v", told, "job.sh"
    ]  # fmt: skip
    later = job_request("al-ace", RUN, 12, "job-%j.out", after="41.pbsnode")
    assert PBS.submit_argv("job.sh", later, site())[3:] == [
        "al-ace.ab12.12", "-v", f"HPCTRAIN_TOKEN={RUN}.12,HPCTRAIN_ATTEMPT=12",
        "-W", "depend=afterany:41.pbsnode", "job.sh",
    ]  # fmt: skip


def test_torques_f_is_another() -> None:
    assert "-f" not in PBS.submit_argv("job.sh", JOB, site(resource_style="nodes-ppn"))


@pytest.mark.parametrize(
    ("project", "expected"),
    [
        ("al-ace", "al-ace.ab12.01"),
        ("aluminium", "alumini.ab12.01"),
        ("a.b.c.d.e", "a.b.c.d.ab12.01"),
        ("a", "a.ab12.01"),
        ("2al", "t2al.ab12.01"),
        ("0123456789", "t012345.ab12.01"),
    ],
)
def test_names_are_short_and_begin_with_a_letter(project: str, expected: str) -> None:
    name = short_name(job_request(project, RUN, 1, "").name)
    assert name == expected
    assert len(name) <= 15
    assert len(short_name(job_request(project, RUN, 99, "").name)) <= 15


@pytest.mark.parametrize("name", ["x", "no-dots-in-here-at-all", "1.2", ""])
def test_any_name_is_cut(name: str) -> None:
    short = short_name(name)
    assert len(short) <= 15
    assert short[0].isalpha()


@pytest.mark.parametrize(
    ("name", "job_id"),
    [
        ("qsub_ok", "2.pbsnode"),
        ("qsub_bad_depend", "11.pbsnode"),
        ("qsub_dashdash", "13.pbsnode"),
        ("qsub_long_name", "9.pbsnode"),
        ("qsub_name_digit", "10.pbsnode"),
        ("qsub_queue_stopped", "15.pbsnode"),
        ("qsub_stdin", "12.pbsnode"),
        ("qsub_too_many_ncpus_node", "6.pbsnode"),
        ("array_qsub", "30[].pbsnode"),
        ("depend_afterany", "35.pbsnode"),
        ("depend_on_finished_bad", "38.pbsnode"),
    ],
)
def test_taken(name: str, job_id: str) -> None:
    assert PBS.read_submit(recorded(name)) == Submitted(job_id)


@pytest.mark.parametrize(
    ("out", "job_id"),
    [
        ("12\n", "12"),
        (
            "Welcome to the cluster!\n7 nodes are free\n12.pbs-1.uni.example\n",
            "12.pbs-1.uni.example",
        ),
        ("12.s\r\n", "12.s"),
        ("20261128\n12.s\n", "12.s"),  # a banner of digits
        ("12.s@server2\n", "12.s@server2"),
        ("12@server2\n", "12@server2"),
    ],
)
def test_the_id_has_a_line_of_its_own(out: str, job_id: str) -> None:
    assert PBS.read_submit(reply("qsub", out)) == Submitted(job_id)


@pytest.mark.parametrize(
    ("out", "name"),
    [
        ("Server: pbsnode\n    server_state = Active\n\n", "pbsnode"),
        ('{\n\t"pbs_version":\t"23.06.06",\n\t"pbs_server":\t"pbsnode"\n}\n', "pbsnode"),
        ('{\n    "pbs_server":"master",\n    "Jobs":{}\n}\n', "master"),
        ("", None),
    ],
)
def test_a_server_tells_its_name(out: str, name: str | None) -> None:
    conversation = PBS.identity()
    assert conversation is not None
    asked: list[list[str]] = []

    def program(argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        asked.append(list(argv))
        return reply("qstat", out)

    assert converse(conversation, program) == name
    assert asked == [["qstat", "-B", "-f"]]


@pytest.mark.parametrize("out", ["31.pbsnode\n32.pbs", "31.pbsnode\n32-\n", "no jobs today\n"])
def test_a_list_of_ids_that_is_cut_off_is_no_answer(out: str) -> None:
    with pytest.raises(SiteUnreachable, match="not all of its answer can be read"):
        ask(Server(qselect=reply("qselect", out)))


def test_no_id_is_taken_from_stderr() -> None:
    answer = reply("qsub", "", 0, "qsub: job 99.pbsnode has been queued\n12.pbsnode\n")
    assert isinstance(PBS.read_submit(answer), Unclear)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("qsub_bad_queue", "qsub: Unknown queue (set queue in the site; qstat -Q"),
        ("qsub_bad_name", "qsub: illegal -N value"),
        ("qsub_bad_option", "qsub: invalid option -- '-'"),
        ("qsub_bad_resource", "Unknown resource: nosuchres (see chunk, resources and gpus"),
        ("qsub_bad_walltime", "Resource_List.walltime (correct that value in the site)"),
        ("qsub_crlf", "qsub: script contains cr, lf"),
        ("qsub_dir", "qsub: script not a file"),
        ("qsub_disabled_queue", "qsub: Queue is not enabled (set another queue"),
        ("qsub_missing_script", "No such file or directory"),
        ("qsub_mixed_select_ncpus", "resource is: ncpus (the site may want"),
        ("qsub_too_many_ncpus_queue_max", "limits (ask for less, or set another queue"),
        ("qsub_too_much_walltime", "limits (ask for less, or set another queue"),
    ],
)
def test_refused(name: str, words: str) -> None:
    answer = recorded(name)
    outcome = PBS.read_submit(answer)
    assert isinstance(outcome, Refused)
    assert words in outcome.sentence
    assert "\n" not in outcome.reason
    assert "usage" not in outcome.reason
    assert answer.code in PBS.refusals


def test_every_recorded_submission_was_read() -> None:
    names = {path.stem for path in OF_PBS.glob("qsub_*.rc") if path.stem != "qsub_as_root"}
    codes = {name: recorded(name).code for name in names}
    assert len([name for name in names if codes[name] == 0]) == 8
    assert len(names) == 20


def test_root_may_not_submit() -> None:
    said = (OF_PBS / "qsub_as_root.err").read_text()
    outcome = PBS.read_submit(reply("qsub", "", 175, said))
    assert outcome == Refused(
        "qsub: Bad UID for job execution", "PBS takes no jobs of this user, and of root never"
    )


def test_a_hook_of_the_sites_own() -> None:
    outcome = PBS.read_submit(reply("qsub", "", 32, "qsub: walltime is needed\nask support\n"))
    assert outcome == Refused("qsub: walltime is needed; ask support", "a rule of the site's own")


@pytest.mark.parametrize("code", [32, 65])
def test_a_hook_may_say_anything(code: int) -> None:
    said = "qsub: jobs that open a connection to the outside need -l internet=1"
    outcome = PBS.read_submit(reply("qsub", "", code, said))
    assert outcome == Refused(said, "a rule of the site's own")


def test_a_wrapper_of_the_sites_own_has_answered() -> None:
    outcome = PBS.read_submit(reply("qsub", "", 3, "name a project first"))
    assert outcome == Unclear("name a project first", answered=True)
    assert PBS.read_submit(reply("qsub", "", 162, "qsub: cannot connect to server x")) == Unclear(
        "qsub: cannot connect to server x"
    )


def test_qsub_is_not_here() -> None:
    outcome = PBS.read_submit(reply("qsub", code=None, problem="qsub: No such file or directory"))
    assert isinstance(outcome, Refused)
    assert "not on this machine" in outcome.reason
    assert "on a login node of the cluster" in outcome.advice
    assert "--site practice-pbs" in outcome.advice


@pytest.mark.parametrize(
    "answer",
    [
        recorded("down_qsub"),
        recorded("down_qsub_f"),
        recorded("down_qsub_wrong_server"),
        reply("qsub", code=None, problem="qsub: no answer in 60 s"),
        reply("qsub", code=None, err="qsub: x: No such file or directory",
              problem="qsub: no answer in 60 s"),
        reply("qsub", code=137),
        reply("qsub", code=1),
        reply("qsub", code=170),
        reply("qsub", code=170, err="a line of somebody else's"),
        reply("qsub", code=3, err="qsub: something nobody has seen"),
        reply("qsub", code=183, err="qsub: Batch protocol error"),
        reply("qsub", code=163, err="qsub: PBS server internal error"),
        reply("qsub", code=161, err="qsub: Job with requested ID already exists"),
        reply("qsub", code=57, err="qsub: Failed to save job/resv, refer server logs for details"),
        # Torque's numbers are other ones.
        reply("qsub", code=187, err="qsub: submit error (No free connections)"),
        # The server was heard once, and then no more.
        reply("qsub", code=159, err="qsub: Connection reset by peer"),
    ],
)  # fmt: skip
def test_unclear(answer: Reply) -> None:
    outcome = PBS.read_submit(answer)
    assert isinstance(outcome, Unclear)
    assert outcome.reason


def test_no_code_that_leaves_it_open_is_a_refusal() -> None:
    """Server gone, internal and protocol errors, timeouts, what was saved by halves."""
    unproved = {0, 3, 57, 106, 153, 160, 161, 162, 163, 183, 185, 186, 208, 212, 255}
    assert unproved.isdisjoint(PBS.refusals)


# ---------------------------------------------------------------- the queue


class Server:
    """Answers by what a command begins with; the longest beginning wins."""

    def __init__(self, **answers: Reply) -> None:
        self.answers = {key.replace("__", " -").replace("_", " "): value
                        for key, value in answers.items()}  # fmt: skip
        self.asked: list[list[str]] = []

    def __call__(self, argv: Sequence[str], *, cwd: str | None = None) -> Reply:
        self.asked.append(list(argv))
        line = " ".join(argv)
        fitting = [key for key in self.answers if line.startswith(key)]
        assert fitting, line
        answer = self.answers[max(fitting, key=len)]
        return Reply(tuple(argv), answer.code, answer.out, answer.err, answer.problem)


@pytest.fixture(autouse=True)
def alice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whose jobs were recorded."""
    entry = pwd.getpwuid(os.getuid())
    fields = ["alice", *list(entry)[1:]]
    monkeypatch.setattr(pwd, "getpwuid", lambda _: pwd.struct_passwd(fields))


def ask(server: Server) -> dict[str, JobView]:
    return {view.job_id: view for view in converse(PBS.queue(), server)}


IDS = reply("qselect", "31.pbsnode\n32.pbsnode\n33.pbsnode\n")
USAGE = reply("qstat", code=2, err="qstat: invalid option -- 'E'\nusage: \nqstat [-f]\n")
NOT_KEPT = reply("qselect", err="qselect: PBS is not configured to maintain job history\n")
ABSENT = reply("", code=None, problem="No such file or directory")
NOTHING = reply("qselect")


def test_two_questions_for_all_jobs() -> None:
    server = Server(qselect=IDS, qstat=recorded("multi_json_E"))
    assert [view.state for view in ask(server).values()] == ["completed", "failed", "completed"]
    assert server.asked == [
        ["qselect", "-x", "-u", "alice"],
        ["qstat", "-E", "-x", "-f", "-F", "json", "31.pbsnode", "32.pbsnode", "33.pbsnode"],
    ]


def test_no_jobs_one_question() -> None:
    server = Server(qselect=NOTHING)
    assert ask(server) == {}
    assert len(server.asked) == 1


def test_many_jobs_several_questions() -> None:
    listed = reply("qselect", "".join(f"{n}.pbsnode\n" for n in range(2 * MOST_IDS + 1)))
    server = Server(qselect=listed, qstat=recorded("multi_json_E"))
    ask(server)
    assert [len(argv) - 6 for argv in server.asked[1:]] == [MOST_IDS, MOST_IDS, 1]


def test_unknown_and_finished_jobs_are_answers() -> None:
    """They left the history between the two questions."""
    for name, found in [("multi_json_E_unknown_only", 0), ("multi_json_E_unknown", 2),
                        ("multi_json_old_unknown", 2), ("multi_json_E_fin_nox", 0),
                        ("qstat_known_and_unknown", 1), ("qstat_unknown_x", 0),
                        ("qstat_finished_without_x", 0),
                        ("qstat_mix_finished_running_no_x", 1)]:  # fmt: skip
        assert len(ask(Server(qselect=IDS, qstat=recorded(name)))) == found
    assert ask(Server(qselect=IDS, qstat=reply("qstat", "", 153, "qstat: Unknown Job Id"))) == {}


@pytest.mark.parametrize(
    "name",
    ["down_qstat", "down_qstat_json", "down_qstat_old", "down_qstat_wrong_server",
     "down_qstat_x_all_json", "qstat_unknown_other_server", "qstat_badsyntax",
     "multi_json_comma"],
)  # fmt: skip
def test_no_answer_is_not_an_empty_queue(name: str) -> None:
    with pytest.raises(SiteUnreachable) as caught:
        ask(Server(qselect=IDS, qstat=recorded(name)))
    assert "qstat: " in caught.value.message


def whole(name: str) -> str:
    return (OF_PBS / f"{name}.out").read_bytes().decode("utf-8", "replace")


@pytest.mark.parametrize(
    ("listed", "shown"),
    [
        (recorded("down_qselect"), IDS),
        (reply("qselect", code=None, problem="qselect: no answer in 60 s"), IDS),
        (reply("qselect", code=137), IDS),
        (reply("qselect", err="qselect: something nobody has seen"), IDS),
        (IDS, reply("qstat", code=None, problem="qstat: no answer in 60 s")),
        (IDS, ABSENT),
        (IDS, reply("qstat", "")),
        (IDS, reply("qstat", whole("multi_json_E")[:-300])),
        (IDS, reply("qstat", whole("multi_json_E")[:150])),
        (IDS, reply("qstat", "Sorry, maintenance until noon\n")),
        (ABSENT, ABSENT),
        (ABSENT, recorded("down_qstat_x_all_json")),
    ],
)
def test_neither_is_half_an_answer(listed: Reply, shown: Reply) -> None:
    with pytest.raises(SiteUnreachable):
        ask(Server(qselect=listed, qstat=shown))


def test_a_site_that_keeps_no_history() -> None:
    """Said with exit code 0, without a job: no empty queue."""
    for key in ("err", "other"):
        said = (
            NOT_KEPT if key == "err" else reply("qselect", err="job_history_enable is set to false")
        )
        server = Server(qselect__x=said, qselect__u=IDS, qstat__E__f=recorded("multi_json_E"))
        assert len(ask(server)) == 3
        assert server.asked[1:] == [
            ["qselect", "-u", "alice"],
            ["qstat", "-E", "-f", "-F", "json", "31.pbsnode", "32.pbsnode", "33.pbsnode"],
        ]


def test_no_history_and_no_qselect() -> None:
    server = Server(
        qselect=ABSENT, qstat__x=NOT_KEPT, qstat__f__F_json=recorded("all_x_json")
    )  # fmt: skip
    assert len(ask(server)) == 31


def test_without_qselect_everybodys_jobs_are_sorted_out() -> None:
    everybody = recorded("all_x_json")
    out = everybody.out.replace("alice@pbsnode", "alicia@pbsnode", 3)
    server = Server(qselect=ABSENT, qstat=reply("qstat", out))
    assert len(ask(server)) == 31 - 3
    assert server.asked[1] == ["qstat", "-x", "-f", "-F", "json"]


def test_without_json_text_is_read() -> None:
    server = Server(qselect=IDS, qstat__E=USAGE, qstat__x=recorded("multi_text"))
    assert ask(server) == ask(Server(qselect=IDS, qstat=recorded("multi_json_E")))
    assert server.asked[2] == ["qstat", "-x", "-f", "31.pbsnode", "32.pbsnode", "33.pbsnode"]


def test_the_folder_that_a_job_works_in() -> None:
    odd = TORQUE.replace(
        "HOME=/home/alice", "HOME=/x,PBS_O_WORKDIR=/a\\,b c/d,NOT_PBS_O_WORKDIR=/e"
    )
    for listed, answer in ((IDS, recorded("multi_json_E")), ("7.torque.example\n", odd)):
        server = Server(
            qselect=listed if isinstance(listed, Reply) else reply("qselect", listed),
            qstat__E=answer if isinstance(answer, Reply) else USAGE,
            qstat__x=USAGE,
            qstat__f=reply("qstat", odd),
        )
        folders = {view.folder for view in ask(server).values()}
        assert folders == ({"/home/alice/jobs"} if listed is IDS else {"/a,b c/d", None})


@pytest.mark.parametrize("name", ["json_f_u", "json_no_f"])
def test_json_that_is_refused(name: str) -> None:
    server = Server(qselect=IDS, qstat__E=recorded(name), qstat__x=recorded("multi_text"))
    assert len(ask(server)) == 3


TORQUE = """Job Id: 7.torque.example
    Job_Name = al-ace.ab12.01
    Job_Owner = alice@login.example
    resources_used.walltime = 01:00:05
    job_state = C
    queue = batch
    Resource_List.walltime = 01:00:00
    Variable_List = PBS_O_QUEUE=batch,PBS_O_HOME=/home/alice,HPCTRAIN_TOKEN=202611
\t24-033000-ab12.01,HPCTRAIN_ATTEMPT=1
    exit_status = -11

Job Id: 8.torque.example
    Job_Name = x
    Job_Owner = bob@login.example
    job_state = R

"""


def test_torque_knows_neither_x_nor_json() -> None:
    usage = reply("qselect", code=2, err="qselect: invalid option -- 'x'\nusage: qselect\n")
    listed = reply("qselect", "7.torque.example\n")
    server = Server(
        qselect__x=usage, qselect__u=listed, qstat__E=USAGE, qstat__f=reply("qstat", TORQUE)
    )
    view = ask(server)["7.torque.example"]
    assert server.asked[-1] == ["qstat", "-f", "7.torque.example"]
    assert view == JobView(
        "7.torque.example", "al-ace.ab12.01", f"hpctrain:{RUN}.01", "timeout", "C",
        "it ran to its time limit", 3605.0, 3600.0, None,
    )  # fmt: skip
    assert carries(view, f"{RUN}.01")
    assert belongs(view, RUN)


def test_to_torque_x_is_xml() -> None:
    server = Server(
        qselect=ABSENT, qstat__x__f__F=USAGE, qstat__x=reply("qstat", "<Data><Job/></Data>"),
        qstat__f=reply("qstat", TORQUE),
    )  # fmt: skip
    assert list(ask(server)) == ["7.torque.example"]


def test_accounting_is_the_queue() -> None:
    assert PBS.accounting(0) is None


# ---------------------------------------------------------------- the token


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('"FUNNY":', f'"HPCTRAIN_TOKEN":"{RUN}.02",\n"FUNNY":'),
        ('"PBS_O_MAIL":"', f'"PBS_O_MAIL":",HPCTRAIN_TOKEN={RUN}.02,HPCTRAIN_ATTEMPT=2'),
        ("-h -V exit0.sh", f"-f -v HPCTRAIN_TOKEN={RUN}.02,HPCTRAIN_ATTEMPT=2 exit0.sh"),
    ],
)
def test_the_token_is_found_wherever_it_is(old: str, new: str) -> None:
    for name in ("weird_V_2306", "weird_V_master"):
        out = whole(name).replace('":\t', '":')
        assert old in out
        server = Server(qselect=IDS, qstat=reply("qstat", out.replace(old, new, 1)))
        (view,) = ask(server).values()
        assert view.comment == f"hpctrain:{RUN}.02"
        assert carries(view, f"{RUN}.02")
        assert not carries(view, f"{RUN}.01")


def test_the_arguments_come_before_the_variables() -> None:
    """With -V the environment of the job that submits is handed on, with its own token."""
    out = (
        whole("weird_V_2306")
        .replace('"FUNNY":', f'"HPCTRAIN_TOKEN":"{RUN}.01",\n"FUNNY":')
        .replace("-h -V exit0.sh", f"-V -v HPCTRAIN_TOKEN={RUN}.02 exit0.sh")
    )
    (view,) = ask(Server(qselect=IDS, qstat=reply("qstat", out))).values()
    assert view.comment == f"hpctrain:{RUN}.02"


# ---------------------------------------------------------------- cancelling


def test_cancel_argv() -> None:
    assert PBS.cancel_argv(["1.s", "2.s"]) == ["qdel", "1.s", "2.s"]


@pytest.mark.parametrize(
    "answer",
    [
        recorded("qdel_running"),
        recorded("qdel_queued"),
        recorded("qdel_twice"),
        recorded("qdel_finished"),
        recorded("qdel_unknown"),
        reply("qdel", "", 153, "qdel: Job has finished 1.s\nqdel: Unknown Job Id 2.s\n"),
        reply("qdel", "", 35, "qdel: Unknown Job Id 2.s\nqdel: Job has finished 1.s\n"),
    ],
)
def test_cancelled_or_over(answer: Reply) -> None:
    assert PBS.read_cancel(answer) is None


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (recorded("down_qdel"), "Couldn't connect to cluster: pbsnode"),
        (reply("qdel", "", 159, "qdel: Unauthorized Request  1.s\n"), "Unauthorized"),
        (
            reply("qdel", "", 153, "qdel: Unauthorized Request  1.s\nqdel: Unknown Job Id 2.s\n"),
            "qdel: Unauthorized Request  1.s",
        ),
        (reply("qdel", code=None, problem="qdel: no answer in 60 s"), "no answer"),
        (reply("qdel", code=1), "exit code 1"),
    ],
)
def test_what_was_not_cancelled_is_said(answer: Reply, words: str) -> None:
    assert words in (PBS.read_cancel(answer) or "")


# ---------------------------------------------------------------- the shipped profile


def test_the_generic_profile_asks_for_nothing() -> None:
    given = load("pbs", None).profile
    assert set(given.model_dump(exclude_unset=True)) == {"description", "scheduler"}
    lines = PBS.directives(given, JOB)
    assert lines == ["-S /bin/bash", "-j oe", "-r n"]


def test_it_is_the_scheduler_of_that_name(tmp_path: Path) -> None:
    found = scheduler_of("pbs", tmp_path)
    assert (found.name, found.template, found.tells_the_end) == ("pbs", "pbs.sh.j2", False)


# ---------------------------------------------------------------- the whole job script


@pytest.fixture
def rendered(project: Project, tmp_path: Path) -> tuple[Path, str]:
    """The script of a run as it would be submitted, with echo in the place of Python."""
    from hpctrain.launch.prepare import prepare

    changes = {"site": {"walltime": "2-00:00:00", "cores": 4, "memory": "8G", "umask": "027",
                        "environment": {"GREETING": "it's $HOME"},
                        "trainer": {"python": "/bin/echo", "evaluator": "pyace"}}}  # fmt: skip
    prepared = prepare(project, tmp_path / "prepared", "pbs", changes=changes)
    run_dir = project.runs / prepared.run_id
    run_dir.mkdir(parents=True)
    script = run_dir / "job.sh"
    script.write_bytes((prepared.folder / "job.sh").read_bytes())
    put_job(run_dir)
    return script, prepared.run_id


def test_a_rendered_script_is_bash_and_its_head_is_pbs(rendered: tuple[Path, str]) -> None:
    script, _ = rendered
    subprocess.run(["bash", "-n", str(script)], check=True, timeout=30)
    lines = script.read_text().splitlines()
    first = next(i for i, line in enumerate(lines) if line and not line.startswith("#"))
    assert [line for line in lines if line.startswith("#PBS")] == [
        f"#PBS {line}"
        for line in ("-S /bin/bash", "-j oe", "-r n", "-l select=1:ncpus=4:mem=8gb",
                     "-l walltime=48:00:00", "-W umask=0027")
    ]  # fmt: skip
    assert not any(line.startswith("#PBS") for line in lines[first:])


@pytest.mark.parametrize("attempt", ["3", None])
def test_it_runs_as_pbs_would_run_it(
    rendered: tuple[Path, str], tmp_path: Path, attempt: str | None
) -> None:
    """Without arguments, in the home folder; the attempt and the id come in variables."""
    script, _ = rendered
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "PBS_JOBID": "25.pbsnode"}
    if attempt:
        environment["HPCTRAIN_ATTEMPT"] = attempt
    done = subprocess.run(
        ["/bin/bash", str(script)], cwd=tmp_path, env=environment, capture_output=True,
        text=True, timeout=30, check=True,
    )  # fmt: skip
    assert (done.stdout, done.stderr) == ("", "")
    output = script.parent / "job-25.pbsnode.out"
    assert output.read_text() == f"job/train.py {attempt or '1'}\n"
    assert output.stat().st_mode & 0o777 == 0o640


def test_a_state_is_one_of_ours() -> None:
    states = set(get_args(JobState))
    views = ask(Server(qselect=IDS, qstat=recorded("many"))).values()
    assert len(views) == 64
    assert {view.state for view in views} <= states
