"""What a job script does before the trainer, in bash: the first line that fails is the reason."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path
from typing import Any

import pytest

from hpctrain.files import resource
from hpctrain.render import render

VALUES: dict[str, Any] = {
    "version": "0", "run_id": "R", "directives": [], "shell": "plain", "modules": [], "setup": [],
    "environment": {}, "launcher": [], "container": [],
    "python": "/bin/true", "umask": None, "output": "job-%j.out",
}  # fmt: skip

# How module systems fail. Tcl, until 4.0: a message, and exit code 0.
TCL = """
module() { shift; for m in $*; do case $m in
    no*) echo "ModuleCmd_Load.c(213):ERROR:105: Unable to locate a modulefile for '$m'" >&2 ;;
    *) LOADEDMODULES=${LOADEDMODULES-}:$m/1.0 ;;
esac; done; }"""
LMOD = """
export LMOD_CMD=/usr/share/lmod/libexec/lmod
module() { shift; case $* in no*)
    echo 'Lmod has detected the following error:  The following module(s) are unknown:' >&2
    printf '"%s"\\n\\nPlease check the spelling or version number.\\n\\n' "$*" >&2
    echo 'Also make sure that all modulefiles written in TCL start with the string' >&2
    echo '#%Module' >&2
    return 1 ;; esac; }"""


class Script:
    """A run's folder with a job script, started as a scheduler does: its output goes to a file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "job").mkdir(parents=True)
        shutil.copyfile(resource("job") / "before.sh", folder / "job" / "before.sh")
        self.output = folder / "job-7.out"

    def run(
        self,
        attempt: str = "1",
        *,
        template: str = "slurm.sh.j2",
        first: str = "",
        variables: dict[str, str] | None = None,
        **values: Any,
    ) -> int:
        """Render and run it; ``first`` stands for the login shell's own lines."""
        text = render(template, {**VALUES, "run_dir": self.folder, **values})
        (self.folder / "job.sh").write_text(text)
        (self.folder / "login").write_text(first)
        environment = {"PATH": os.environ["PATH"], "BASH_ENV": str(self.folder / "login")}
        with self.output.open("ab") as out:
            return subprocess.run(
                ["bash", str(self.folder / "job.sh"), attempt], cwd="/", stdout=out, stderr=out,
                env={**environment, "SLURM_JOB_ID": "7", **(variables or {})}, timeout=30,
                check=False,
            ).returncode  # fmt: skip

    def result(self, attempt: int = 1) -> dict[str, Any]:
        text = (self.folder / f"attempts/{attempt:02d}/result.json").read_text(encoding="ascii")
        content: dict[str, Any] = json.loads(text)
        return content

    def reason(self, **asked: Any) -> str:
        """Run a script that is to fail, and return the reason that it left."""
        code = self.run(**asked)
        result = self.result()
        assert (code != 0, result["state"], result["attempt"]) == (True, "failed", 1)
        assert {path.name for path in (self.folder / "attempts/01").iterdir()} == {
            "claim.json", "result.json",
        }  # fmt: skip
        return str(result["reason"])


@pytest.fixture
def script(tmp_path: Path) -> Script:
    return Script(tmp_path / "a run's folder")


def begins(script: Script, **asked: Any) -> bool:
    """Say whether the trainer was reached."""
    code = script.run(python=shutil.which("echo"), **asked)
    reached = "job/train.py 1" in script.output.read_text()
    return code == 0 and reached and not (script.folder / "attempts").exists()


@pytest.mark.parametrize(
    ("asked", "reason"),
    [
        ({"modules": ["nosuch/12.4"]}, "before the training, module load nosuch/12.4 failed (exit "
         "code 127): *module: command not found (there is no module in this shell; *shell: login)"),
        ({"modules": ["gcc", "nosuch/12.4"], "first": TCL}, "*module load nosuch/12.4 failed*"
         "ERROR:105: Unable to locate a modulefile for 'nosuch/12.4'"),
        ({"modules": ["gcc", "gcc nosuch"], "first": TCL}, "*, module load nosuch failed*"),
        ({"modules": ["nosuch"], "first": "module() { echo 'ERROR: no nosuch' >&2; }"},
         "*module load nosuch failed (exit code 1): ERROR: no nosuch"),
        ({"modules": ["gcc", "nosuch/12.4"], "first": LMOD}, "*module load nosuch/12.4 failed (exit"
         " code 1): Lmod has detected the following error: The following module(s) are unknown:"),
        ({"modules": ["gcc"], "first": 'LMOD_CMD=/no/lmod\nmodule() { eval "$($LMOD_CMD $*)"; }'},
         "*module load gcc failed (exit code 1): /no/lmod: No such file or directory"),
        ({"setup": ["source /no/env/bin/activate"]},
         "*source /no/env/bin/activate failed (exit code 1): *No such file or directory"),
        ({"setup": ["conda activate x"]}, "*conda activate x failed (exit code 127)*not found"),
        ({"setup": ["echo no licence", "exit 7"]}, "*, exit 7 failed (exit code 7): no licence"),
        ({"setup": ["set -u", "echo $NO_SUCH"]}, "*, echo $NO_SUCH failed *: unbound variable"),
        ({"setup": ["if true; then )"]}, "*failed (exit code 2): *syntax error*"),
        ({"setup": ["for i in 1 2; do", "    false", "done"]}, "*, false failed (exit code 1): *"),
        ({"setup": ["f() { cat /no/file; }", "f"]}, "*, f failed (exit code 1): *No such file*"),
        ({"setup": ["set -efuC", "IFS=/", "PATH=", "false"]}, "*, false failed (exit code 1): *"),
        ({"setup": [r'cat "/ü\n" ']}, "*, cat '/??/n' failed (exit code 1): cat*"),
        ({"python": "/no/python"}, "*, exec /no/python job/train.py * failed (exit code 127): *No "
         "such file or directory"),
        ({"container": ["/no/runtime", "exec", "/an image.sif"]},
         "*, /no/runtime exec '/an image.sif' /bin/true -V >/dev/null failed (exit code 127): *No "
         "such file or directory"),
        ({"launcher": ["/etc/passwd"]}, "*, exec /etc/passwd * failed (exit code 126): *denied"),
        ({"setup": ["cat /no/file"], "template": "local.sh.j2"}, "*cat /no/file failed*No such*"),
        ({"setup": ["cat /no/file"], "template": "pbs.sh.j2"}, "*cat /no/file failed*No such*"),
    ],
)  # fmt: skip
def test_a_line_that_fails_ends_the_attempt(
    script: Script, asked: dict[str, Any], reason: str
) -> None:
    """``*`` in a reason is anything."""
    found = script.reason(**asked)
    assert re.fullmatch(".*".join(map(re.escape, reason.split("*"))), found), found


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {
            "setup": [
                "false || true",
                "[ -d /no/such ] && export X=1",
                "if false; then",
                "true",
                "fi",
            ]
        },
        {"setup": ['source "$FAILS_INSIDE"']},
        {"modules": ["gcc", "mkl/2024 cuda", "-s fftw"], "first": TCL},
        {"modules": ["gcc", "alias-of-another"], "first": LMOD},
        {"modules": ["already"], "first": "LOADEDMODULES=x:already/2\nmodule() { echo error; }"},
        {"modules": ["gcc"], "first": "module() { echo loading $2; }"},
        {"setup": ["trap - ERR", "false"]},
    ],
)
def test_what_may_fail(script: Script, asked: dict[str, Any]) -> None:
    inside = script.folder / "fails-inside.sh"
    inside.write_text("f() { false; }\nfalse\nf\ntrue\n")
    assert begins(script, **asked, variables={"FAILS_INSIDE": str(inside)})


def test_who_ended_and_when(script: Script) -> None:
    assert script.run("2", setup=["false"], variables={"SLURM_RESTART_COUNT": "1"}) == 1
    claim = json.loads((script.folder / "attempts/03/claim.json").read_text())
    assert (claim["job_id"], claim["host"]) == ("7", os.uname().nodename)
    result = script.result(3)
    assert claim["time"] == result["started"] == result["ended"] > 1.7e9
    # In the queue of this machine, inside a job of Slurm's.
    inside = {"SLURM_RESTART_COUNT": "3", "HPCTRAIN_LOCAL_JOB_ID": "4"}
    script.run("9", setup=["false"], variables=inside)
    assert json.loads((script.folder / "attempts/09/claim.json").read_text())["job_id"] == "4"


def test_what_an_earlier_job_printed_is_not_the_reason(script: Script) -> None:
    script.output.write_text("error: an old one\n")
    assert script.reason(setup=["false"]).endswith("false failed (exit code 1): it printed nothing")


@pytest.mark.parametrize("number", ["HUP", "TERM", "USR1"])
def test_a_signal_is_no_failure_of_a_line(script: Script, number: str) -> None:
    """Who ends a job before its training: why, the scheduler knows."""
    before = signal.signal(signal.SIGHUP, signal.SIG_DFL)  # nohup has it ignored, and bash keeps it
    try:
        assert script.run(setup=[f"kill -{number} $$"]) != 0
    finally:
        signal.signal(signal.SIGHUP, before)
    assert not (script.folder / "attempts").exists()


def test_nothing_is_told_twice(script: Script) -> None:
    attempt = script.folder / "attempts/01"
    attempt.mkdir(parents=True)
    (attempt / "claim.json").write_text("{}")
    assert script.run(setup=["false"]) == 1
    assert [path.name for path in attempt.iterdir()] == ["claim.json"]

    (script.folder / "cancel").touch()
    script.run("2", setup=["false"])
    assert not (script.folder / "attempts/02").exists()


def test_of_a_chain_one_job_tells_it(script: Script) -> None:
    """The others would use up the attempts of the training."""
    settings = json.dumps({"continuation": "chain"}, indent=1)
    (script.folder / "job/settings.json").write_text(settings)
    for attempt in ("1", "2", "3"):
        assert script.run(attempt, setup=["false"]) == 1
    assert [path.name for path in (script.folder / "attempts").iterdir()] == ["01"]


def test_a_template_that_does_something_after_the_training(script: Script) -> None:
    """What fails there is no failure before it."""
    own = script.folder / "own.sh.j2"
    own.write_text(
        '{% extends "slurm.sh.j2" %}{% block run %}\n'
        "mkdir -p attempts/01; touch attempts/01/claim.json; false\necho cleaned\n{% endblock %}\n"
    )
    text = render("own.sh.j2", {**VALUES, "run_dir": script.folder}, folders=[script.folder])
    (script.folder / "job.sh").write_text(text)
    reply = subprocess.run(["bash", script.folder / "job.sh"], capture_output=True, text=True)
    assert (reply.returncode, reply.stdout) == (0, "cleaned\n")
    assert not (script.folder / "attempts/01/result.json").exists()


def test_no_room_for_the_reason(script: Script) -> None:
    (script.folder / "attempts").write_text("a file, and no folder")
    assert script.run(setup=["cat /no/file"]) == 1
    assert "the attempt ends before its training: cat /no/file" in script.output.read_text()
