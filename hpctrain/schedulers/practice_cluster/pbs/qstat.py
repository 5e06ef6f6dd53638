"""``qstat`` and ``qselect``: which jobs are meant, and the errors about those not shown."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from hpctrain.schedulers.practice_cluster.pbs import text, torque
from hpctrain.schedulers.practice_cluster.pbs.attributes import attributes
from hpctrain.schedulers.practice_cluster.pbs.resources import QUEUES
from hpctrain.schedulers.practice_cluster.pbs.server import Job, Server, number_of
from hpctrain.schedulers.practice_cluster.pbs.usage import (
    SERVER,
    Refusal,
    options,
    refusal,
    usage_error,
)

LETTERS = {
    "23.06.06": "fxEF:tu:wD:",
    "master": "fxEF:tu:wD:",
    "old": "fxtu:w",
    "torque": "fxtu:",
}
STATES = "BCEFHMQRSTUWX"
ILLEGAL = "illegally formed job identifier"
HISTORY = "use -x or -H to obtain historical job information"


class Question:
    """One ``qstat``: what it was asked, and what it found."""

    def __init__(self, server: Server, words: Sequence[str]) -> None:
        self.server = server
        self.client = server.client
        found, at = options("qstat", words, LETTERS[self.client])
        self.asked = dict(found)
        self.operands = list(words[at:])
        self.format = self.asked.get("F", "default").lower()
        conflict = ("F" in self.asked and "f" not in self.asked) or (
            self.format != "default" and "u" in self.asked
        )
        self.wide = "w" in self.asked
        if self.format not in ("default", "json") or "D" in self.asked:
            raise usage_error("qstat")  # dsv is not imitated
        if conflict:
            raise usage_error("qstat", "conflicting options.")
        self.history = "x" in self.asked and self.client != "torque"
        self.jobs: list[Job] = []
        self.errors: list[str] = []
        self.code = 0

    def fail(self, code: int, message: str) -> None:
        """Add an error, whose code is the exit code until there is another."""
        self.errors.append(f"qstat: {message}\n")
        self.code = code

    def find(self) -> None:
        """Find the jobs that are asked for."""
        if self.history and not self.server.history:
            # It is no failure, as was seen.
            asked = [full(word) for word in self.operands] or [""]
            for about in asked[-1:] if "E" in self.asked else asked:
                self.fail(0, f"PBS is not configured to maintain job history {about}")
        elif not self.operands:
            self.jobs = [job for job in self.server.all() if self.history or self.seen(job)]
        elif "E" in self.asked:
            self.at_once()
        else:
            for number, word in enumerate(self.operands):
                before = len(self.jobs)
                self.one(word)
                if self.client == "master" and self.format == "json" and number:
                    # It prints the first of several only (multi_json).
                    del self.jobs[max(before, 1) :]
        if "u" in self.asked and self.server.user not in self.asked["u"].split(","):
            self.jobs = []

    def seen(self, job: Job) -> bool:
        """Say whether a job is shown to those who do not ask for the history."""
        return not job.finished or self.client == "torque"

    def one(self, word: str) -> None:
        """Find the job, or the jobs of the queue, that a word names."""
        if word[:1].isdigit():
            number = number_of(word)
            if number is None and word.partition(".")[0].isdecimal() and "," not in word:
                number = 0 if word.partition(".")[2] in ("", SERVER) else None
            if number is None:
                self.fail(1, f"{ILLEGAL}: {word}")
                return
            job = self.server.job(number)
            if job is None:
                self.fail(153, f"Unknown Job Id {full(word)}")
            elif not self.history and not self.seen(job):
                self.fail(35, f"{full(word)} Job has finished, {HISTORY}")
            else:
                self.jobs.append(job)
        elif word in QUEUES:
            mine = [job for job in self.server.all() if job.facts["queue"] == word]
            self.jobs += [job for job in mine if self.history or self.seen(job)]
        else:
            self.fail(170, f"Unknown queue destination {word}")

    def at_once(self) -> None:
        """Answer ``-E``: one question for all, without what is not found (multi_json_E…)."""
        for word in sorted(self.operands, key=lambda each: (number_of(each) or 0, each)):
            if not word[:1].isdigit():
                self.fail(1, "Express option can only be used with job ids")
                return
            self.one(word)
        if self.jobs:
            self.errors, self.code = [], 0
        else:
            del self.errors[:-1]


def full(word: str) -> str:
    """Return a job's id with the server's name."""
    return word if "." in word else f"{word}.{SERVER}"


def main(server: Server, words: Sequence[str]) -> int:
    """Print what ``qstat`` prints, and return its exit code."""
    question = Question(server, words)
    try:
        server.reach("qstat")
        question.find()
    except Refusal as no:
        question.errors, question.code = [no.text], no.code
    free = server.free() if any(job.substate == 10 for job in question.jobs) else 0
    jobs = [(job.id, attributes(server, job, free)) for job in question.jobs]
    if question.client == "torque":
        out = torque.format_jobs(question.jobs, jobs, "x" in question.asked, "f" in question.asked)
    elif question.format == "json":
        out = text.as_json(jobs, int(server.now), question.client)
    else:
        out = text.as_text(jobs) if "f" in question.asked else text.as_table(jobs, question.wide)
    sys.stdout.buffer.write(out.encode("latin-1"))
    sys.stderr.write("".join(question.errors))
    return question.code


def select(server: Server, words: Sequence[str]) -> str:
    """Return what ``qselect`` prints: the ids of the jobs that fit."""
    letters = "u:s:N:q:P:A:" + ("" if server.client == "torque" else "xH")
    found, at = options("qselect", words, letters)
    if len(words) > at:
        raise usage_error("qselect")
    asked = dict(found)
    if not set(asked.get("s", "Q")) <= set(STATES):
        raise usage_error("qselect", "illegal -s value")
    server.reach("qselect")
    history = "x" in asked or "H" in asked
    if history and not server.history:
        # Said, and no failure: qselect takes care that it is none.
        raise refusal("qselect", 0, "PBS is not configured to maintain job history")
    ids = []
    for job in server.all():
        if job.finished and not history and server.client != "torque":
            continue
        letters_of = job.facts["letters"]
        state = torque.STATES.get(job.state, "R") if server.client == "torque" else job.state
        fits = [
            "u" not in asked or job.facts["user"] in asked["u"].split(","),
            "s" not in asked or state in asked["s"],
            "H" not in asked or job.finished,
            "N" not in asked or job.name == asked["N"],
            "q" not in asked or job.facts["queue"] == asked["q"].partition("@")[0],
            "A" not in asked or letters_of.get("A") == asked["A"],
            "P" not in asked or letters_of.get("P", "_pbs_project_default") == asked["P"],
        ]
        if all(fits):
            ids.append(f"{job.id}\n")
    return "".join(ids)
