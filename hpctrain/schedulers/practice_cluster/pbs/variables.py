"""``qsub -v`` and ``-V``: the variables that go with a job, quoted and unquoted as PBS does.

What PBS keeps and shows of a value with quotes or backslashes differs from what was given, and a
careless client breaks its own JSON (the recordings weird_*). So the same three steps are taken
here: qsub's two, and the server's.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER, refusal

SPECIAL = "\"',\\"
NOT_SENT = refusal("qsub", 1, "cannot send environment with the job")


def variable_list(
    asked: str | None, everything: bool, environment: Mapping[str, str], cwd: str, client: str
) -> str:
    """Return ``Variable_List`` as the server is sent it."""
    basic = {"PBS_O_HOME": environment.get("HOME", "/")}
    for name in ("LANG", "LOGNAME", "PATH", "MAIL", "SHELL", "TZ"):
        if name in environment:
            basic[f"PBS_O_{name}"] = environment[name]
    if client == "master":  # what comes with it is empty, and breaks JSON (weird_plain_2306)
        basic["PBS_O_INTERACTIVE_AUTH_METHOD"] = "resvport"
        basic["PBS_O_INTERACTIVE_ENCRYPT_METHOD"] = ""
    basic |= {"PBS_O_WORKDIR": cwd, "PBS_O_SYSTEM": "Linux"}
    parts = [f"{name}={value.replace(',', chr(92) + ',')}" for name, value in basic.items()]
    parts += [f"{name}={value}" for name, value in read_v(asked, environment)] if asked else []
    if everything:
        own = {key: value for key, value in environment.items() if not key.startswith("PBS_O")}
        parts += [f"{name}={copy_value(value, True)[0]}" for name, value in own.items()]
    return ",".join(parts)


def read_v(asked: str, environment: Mapping[str, str]) -> list[tuple[str, str]]:
    """Read ``-v`` as expand_varlist() and set_job_env() of qsub do."""
    expanded = []
    for token in tokens(asked):
        name, equals, value = token.partition("=")
        if not equals and not name.startswith("PBS_O"):
            if name not in environment:
                raise NOT_SENT
            expanded.append(f"{name}={copy_value(environment[name], True)[0]}")
        elif equals:
            expanded.append(f"{name}={copy_value(value, False)[0]}")
    rest, found = ",".join(expanded), []
    while rest:
        name, _, rest = rest.partition("=")
        value, end = copy_value(rest, False)
        rest = rest[end:]
        if not name.startswith("PBS_O"):
            found.append((name, value))
    return found


def tokens(text: str) -> list[str]:
    """Split at commas, but not inside quotes."""
    found, start, quote, at = [], 0, "", 0
    while at < len(text):
        letter = text[at]
        if letter in "'\"":
            quote = "" if letter == quote else letter
        elif letter == "," and not quote:
            found.append(text[start:at])
            start = at + 1
        elif letter == "\\" and at + 1 < len(text):
            at += 1
        at += 1
    return [*found, text[start:]] if start < len(text) else found


def copy_value(value: str, whole: bool) -> tuple[str, int]:
    """Copy as copy_env_value() of qsub: the escaped value, and where the next begins.

    ``whole``: quotes and commas are part of the value; else they end it or quote in it.
    """
    out, quote, at = "", "", 0
    while at < len(value):
        letter = value[at]
        if letter in "\"'":
            if quote and letter == quote:
                quote = ""
            elif quote or whole:
                out += "\\" + letter
            else:
                quote = letter
        elif letter == "\\":
            out += "\\" if value[at + 1 : at + 2] == "," else "\\\\"
        elif letter == ",":
            if quote or whole:
                out += "\\,"
            elif out.endswith("\\"):
                out += ","
            else:
                at += 1
                break
        else:
            out += letter
        at += 1
    if quote:
        raise NOT_SENT
    return out, at


def decode(text: str) -> dict[str, str]:
    """Decode as parse_comma_string_bs() of the server: what the job gets."""
    found, item, at = [], "", 0
    while at < len(text):
        letter = text[at]
        if letter == "\\" and at + 1 < len(text):
            at += 1
            item += text[at] if text[at] in SPECIAL else "\\" + text[at]
        elif letter == ",":
            found.append(item.strip())
            item = ""
        else:
            item += letter
        at += 1
    found.append(item.strip())
    return dict(each.partition("=")[::2] for each in found if each)


def encode(variables: Mapping[str, str], queue: str) -> str:
    """Encode as encode_arst_bs() of the server: what its clients get."""
    shown = {**variables, "PBS_O_QUEUE": queue, "PBS_O_HOST": SERVER}
    parts = []
    for name, value in shown.items():
        whole = f"{name}={value}"
        parts.append("".join("\\" + each if each in SPECIAL else each for each in whole))
    return ",".join(parts)


def clean_environment(home: str, user: str, shell: str, programs: str) -> dict[str, str]:
    """Return what a job starts with (envjob.o51), without what depends on its number."""
    return {
        "ENVIRONMENT": "BATCH", "HOME": home, "LOGNAME": user, "USER": user, "SHELL": shell,
        "PATH": f"/usr/local/bin:/usr/bin:/bin:/usr/local/games:/usr/games:{programs}",
        "PBS_ENVIRONMENT": "PBS_BATCH", "PBS_JOBDIR": home, "PBS_MOMPORT": "15003",
        "PBS_NODENUM": "0", "PBS_TASKNUM": "1", "PBS_O_HOST": SERVER,
    }  # fmt: skip


def working_directory() -> str:
    """Return the folder as qsub finds it: by PWD, if that is the same folder."""
    here, said_so = os.getcwd(), os.environ.get("PWD", "")  # noqa: PTH109
    try:
        return said_so if said_so and os.path.samefile(said_so, here) else here  # noqa: PTH121
    except OSError:
        return here
