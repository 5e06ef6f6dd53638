"""What ``qstat`` prints of jobs: JSON, as two of its clients write it, text, and a table.

Strings here are bytes, one letter each: what a client prints need not be UTF-8.
"""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Sequence

from hpctrain.schedulers.practice_cluster.pbs.attributes import Attribute
from hpctrain.schedulers.practice_cluster.pbs.usage import SERVER

Shown = Sequence[tuple[str, Sequence[Attribute]]]
VERSION = "23.06.06"
STRINGS = ("Job_Name", "project", "Account_Name")  # never numbers, in the development client
ESCAPES = {"\b": "\\b", "\f": "\\f", "\n": "\\n", "\r": "\\r", "\t": "\\t"}
LINE = 78


def as_letters(text: str) -> str:
    """Return a text's bytes, one letter each."""
    return text.encode("utf-8", "surrogateescape").decode("latin-1")


def as_json(jobs: Shown, now: int, client: str) -> str:
    """Return what ``qstat -f -F json`` prints."""
    head = {"timestamp": str(now), "pbs_version": f'"{VERSION}"', "pbs_server": f'"{SERVER}"'}
    if client == "master":
        items = [f'\t"{key}":\t{value}' for key, value in head.items()]
        if jobs:
            items.append('\t"Jobs":\t{\n' + ",\n".join(map(of_master, jobs)) + "\n\t}")
        return "{\n" + ",\n".join(items) + "\n}\n"
    items = [f'    "{key}":{value}' for key, value in head.items()]
    if jobs:
        items.append('    "Jobs":{\n' + ",\n".join(map(of_2306, jobs)) + "\n    }")
    # Without jobs its last line has no end (down_qstat_old).
    return "{\n" + ",\n".join(items) + "\n}" + ("\n" if jobs else "")


def group(attributes: Sequence[Attribute]) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Group the attributes, so that resources are one attribute each."""
    groups: dict[str, list[tuple[str, str]]] = {}
    for name, resource, value in attributes:
        groups.setdefault(name, []).append((resource, as_letters(value)))
    yield from groups.items()


def pairs(variables: str, swallow: bool) -> list[tuple[str, str]]:
    """Cut ``Variable_List`` up as the client does.

    The released client takes the letter after the first ``=`` as it comes, even if it is the comma
    that ends an empty value (weird_empty_2306).
    """
    found, at = [], 0
    while at < len(variables):
        key, value, equals = "", "", False
        while at < len(variables) and variables[at] != ",":
            if variables[at : at + 2] == "\\,":
                at += 1
            if variables[at] == "=" and not equals:
                equals = True
                at += 1
                if not swallow or at >= len(variables):
                    continue
            if equals:
                value += variables[at]
            else:
                key += variables[at]
            at += 1
        found.append((key, value))
        at += 1
    return found


def of_2306(job: tuple[str, Sequence[Attribute]]) -> str:
    """Write a job as the client of 23.06.06 does."""
    name, attributes = job
    items = []
    for key, values in group(attributes):
        inner = values if values[0][0] else []
        if key == "Variable_List":
            inner = pairs(values[0][1], swallow=True)
        if inner:
            lines = [f'{" " * 16}"{sub}":{value_2306(value)}' for sub, value in inner]
            items.append(f'{" " * 12}"{key}":{{\n' + ",\n".join(lines) + f"\n{' ' * 12}}}")
        else:
            items.append(f'{" " * 12}"{key}":{value_2306(values[0][1])}')
    return f'        "{name}":{{\n' + ",\n".join(items) + "\n        }"


def value_2306(value: str) -> str:
    """Write a number where strtod() reads all of it, as of ``NaN`` and ``1e5``; ``007`` is none."""
    number = re.fullmatch(
        r"\s*[+-]?((\d+\.?\d*|\.\d+)(e[+-]?\d+)?|0x[\da-f]+|nan|inf(inity)?)\s*", value, re.I
    )
    if number and (value[0] != "0" or real(value) < 1):
        return value
    out = re.sub(r"\\([',])|(\\.?)|(?<!\\)(\")|(\")|([\b\f\n\r\t])", escape, value, flags=re.S)
    return '"' + "".join(printable(each) for each in out) + '"'


def real(text: str) -> float:
    """Read a number, also one in hexadecimal digits."""
    return float(int(text, 16)) if "x" in text.lower() else float(text)


def escape(match: re.Match[str]) -> str:
    """Escape as strdup_escape() does: a quote gets a backslash unless one is before it."""
    if match[1] or match[2]:
        return match[1] or match[2]
    return ESCAPES.get(match[0]) or ('\\"' if match[3] and match.start() else '"')


def printable(letter: str) -> str:
    """Do as show_nonprint_chars(), to which what is beyond ASCII is negative (weird_utf8_2306)."""
    code = ord(letter)
    plain = 32 <= code < 128 or letter in "\n\t"
    return letter if plain else "^" + chr((code + 64) % 256)


def of_master(job: tuple[str, Sequence[Attribute]]) -> str:
    """Write a job as the development client does."""
    name, attributes = job
    items = []
    for key, values in group(attributes):
        inner = values if values[0][0] else []
        if key == "Variable_List":
            inner = pairs(values[0][1], swallow=False)
        if inner:
            lines = [f'\t\t\t\t"{sub}":\t{value_master(value)}' for sub, value in inner]
            items.append(f'\t\t\t"{key}":\t{{\n' + ",\n".join(lines) + "\n\t\t\t}")
        else:
            value = values[0][1]
            shown = quote(value) if key in STRINGS else value_master(value)
            items.append(f'\t\t\t"{key}":\t{shown}')
    return f'\t\t"{name}":\t{{\n' + ",\n".join(items) + "\n\t\t}"


def value_master(value: str) -> str:
    """Write what cJSON reads as JSON as JSON: ``007`` is 7. Objects and lists are not imitated."""
    text = value.strip(" \t\n\r")
    if text in ("true", "false", "null"):
        return text
    if re.fullmatch(r"-?\d+\.?\d*([eE][+-]?\d+)?", text):
        number = float(text)
        if math.isinf(number):
            return "null"
        short = f"{number:.15g}"
        return short if float(short) == number else f"{number:.17g}"
    if re.fullmatch(r'"[^"\\]*"', text):
        text = text[1:-1]
        return quote(text)
    return quote(value)


def quote(value: str) -> str:
    """Write a JSON string."""
    return json.dumps(value, ensure_ascii=False)


def as_text(jobs: Shown) -> str:
    """Return what ``qstat -f`` prints; lines are broken as prt_attr() does (multi_text)."""
    found = []
    for name, attributes in jobs:
        lines = [f"Job Id: {name}\n"]
        for key, resource, value in attributes:
            label = f"{key}.{resource}" if resource else key
            lines.append(f"    {label} = {break_lines(as_letters(value), len(label) + 7)}\n")
        found.append("".join(lines) + "\n")
    return "".join(found)


def break_lines(value: str, start: int) -> str:
    """Break a value at its commas, and what is too long anywhere."""
    out, first = "", True
    for number, part in enumerate(each for each in value.split(",") if each):
        if number:
            out, first = out + ",", False
        if len(part) + start < LINE:
            out += "".join(map(printable, part))
            start += len(part)
            continue
        if not first:
            out += "\n\t"
            start = 9
        for letter in part:
            out += printable(letter)
            start += 1
            if start > LINE:
                out += "\n\t"
                start = 8
    return out


def as_table(jobs: Shown, wide: bool = False) -> str:
    """Return what ``qstat`` prints."""
    if not jobs:
        return ""
    # The widths of a job's id, its name, its owner and its queue (qstat_plain, qstat_wide).
    widths = (30, 15, 15, 15) if wide else (17, 16, 16, 16)
    head = ("Job id", "Name", "User", "Time Use", "S", "Queue")
    dashes = [29, 15, 15, 8, 1, 15] if wide else [16, 16, 16, 8, 1, 5]
    rows = [row(widths, head).rstrip(), row(widths, ["-" * number for number in dashes]).rstrip()]
    for name, attributes in jobs:
        of = {(key, resource): as_letters(value) for key, resource, value in attributes}
        user, spent = of["Job_Owner", ""].partition("@")[0], of.get(("resources_used", "cput"), "0")
        parts = (
            cut(name, widths[0]), cut(of["Job_Name", ""], widths[1] - 1), cut(user, widths[2]),
            spent, of["job_state", ""], of["queue", ""],
        )  # fmt: skip
        rows.append(row(widths, parts))
    return "\n".join(rows) + "\n"


def row(widths: Sequence[int], parts: Sequence[str]) -> str:
    """Return a row of the table."""
    first = " ".join(f"{part:<{width}}" for part, width in zip(parts, widths[:3], strict=False))
    return f"{first}  {parts[3]:>8} {parts[4]} {parts[5]:<{widths[3]}}"


def cut(text: str, most: int) -> str:
    """Cut off what is too long; a name of 16 letters counts as too long (qstat_x_plain)."""
    return text if len(text) <= most else text[:most] + "*"
