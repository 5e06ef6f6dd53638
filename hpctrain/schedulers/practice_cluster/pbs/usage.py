"""How PBS refuses: exit codes, messages and usage texts, in its own words."""

from __future__ import annotations

import getopt
from collections.abc import Sequence

SERVER = "practice"

QSUB = """\
usage: qsub [-a date_time] [-A account_string] [-c interval]
\t[-C directive_prefix] [-e path] [-f ] [-h ] [-I [-X]] [-j oe|eo] [-J X-Y[:Z]]
\t[-k keep] [-l resource_list] [-m mail_options] [-M user_list]
\t[-N jobname] [-o path] [-p priority] [-P project] [-q queue] [-r y|n]
\t[-R o|e|oe] [-S path] [-u user_list] [-W otherattributes=value...]
\t[-v variable_list] [-V ] [-z] [script | -- command [arg1 ...]]
       qsub --version
"""
QSTAT = """\
usage: 
qstat [-f] [-J] [-p] [-t] [-x] [-E] [-F format | -w] [-D delim] [ job_identifier... | destination... ]
qstat [-a|-i|-r|-H|-T] [-J] [-t] [-u user] [-n] [-s] [-G|-M] [-1] [-w]
\t[ job_identifier... | destination... ]
qstat -Q [-f] [-F format] [-D delim] [ destination... ]
qstat -q [-G|-M] [ destination... ]
qstat -B [-f] [-F format] [-D delim] [ server_name... ]
qstat --version
"""  # noqa: E501, W291 (as PBS prints it)
QSELECT = """\
usage: qselect [-a [op]date_time] [-A account_string] [-c [op]interval]
\t[-h hold_list] [-H] [-J] [-l resource_list] [-N name] [-p [op]priority]
\t[-q destination] [-r y|n] [-s states] [-t subopt[op]date_time] [-T] [-P project_name]
\t[-x] [-u user_name]
       qselect --version
"""
QDEL = """\
usage:
\tqdel [-W force|suppress_email=X] [-x] job_identifier...
\tqdel --version
"""
QHOLD = "usage: qhold [-h hold_list] job_identifier...\n       qhold --version\n"
QRLS = "usage: qrls [-h hold_list] job_identifier...\n       qrls --version\n"
USAGE = {
    "qsub": QSUB, "qstat": QSTAT, "qselect": QSELECT, "qdel": QDEL, "qhold": QHOLD, "qrls": QRLS,
}  # fmt: skip


class Refusal(Exception):
    """A refusal: whole lines for stderr, and the exit code, PBS's error number modulo 256."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code
        self.text = text


def refusal(program: str, code: int, message: str) -> Refusal:
    """Return a refusal of one line."""
    return Refusal(code, f"{program}: {message}\n")


def usage_error(program: str, message: str = "") -> Refusal:
    """Return a refusal with the program's usage text."""
    before = f"{program}: {message}\n" if message else ""
    return Refusal(2, before + USAGE[program])


def options(program: str, words: Sequence[str], letters: str) -> tuple[list[tuple[str, str]], int]:
    """Read the options as pairs of letter and value, and where the operands begin."""
    try:
        found, rest = getopt.getopt(list(words), letters)
    except getopt.GetoptError as error:
        # The long option --parsable is to getopt() the letter "-" (recorded: qsub_bad_option).
        letter = error.opt[:1] if f"-{error.opt}" in words or len(error.opt) == 1 else "-"
        wants = "option requires an argument" if "requires" in error.msg else "invalid option"
        raise usage_error(program, f"{wants} -- '{letter}'") from None
    return [(name[1:], value) for name, value in found], len(words) - len(rest)
