"""The schedulers that the faults are injected on, asked by the tests behind hpctrain's back."""

from __future__ import annotations

import json
import os
import subprocess
from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from faults.program_server import put_programs
from waiting import wait_for

SEPARATOR = "\x1f"


class World(ABC):
    """A scheduler that really runs jobs, and its words."""

    name: str
    # What a site's profile says of it, the template that its job scripts extend, how a line in
    # their head begins, and which one has a job held.
    profile: str
    template: str
    prefix: str
    hold: str
    # The programs that submit and that show the queue, and those that reach nobody: what they say.
    submits: str
    asks: str
    unreachable: str
    # The words of the shell that submit from another folder; $REAL submits, $folder is the run's.
    from_elsewhere: str

    @property
    @abstractmethod
    def environment(self) -> dict[str, str]:
        """What a command needs in its environment to reach it."""

    @abstractmethod
    def jobs_by_token(self) -> dict[str, set[str]]:
        """Everything that it knows of, also what is over, by the token that the job carries."""

    @abstractmethod
    def active_jobs(self) -> dict[str, str]:
        """Jobs that are not over: their tokens by their ids."""

    @abstractmethod
    def cancel(self, job_ids: Iterable[str]) -> None:
        """End jobs."""

    @abstractmethod
    def release(self, job_ids: Iterable[str]) -> None:
        """Let jobs run that are held."""

    @abstractmethod
    def shows(self, job_id: str) -> bool:
        """Does the queue know the job, be it over?"""

    def queue_is_empty(self, limit_s: float = 120.0) -> None:
        wait_for(lambda: not self.active_jobs(), limit_s, "an empty queue")

    def accounted(self, tokens: Iterable[str]) -> dict[str, set[str]]:
        """Wait until it has the jobs of these tokens on record; all that it has by then."""
        wanted = set(tokens)

        def found() -> dict[str, set[str]] | None:
            jobs = self.jobs_by_token()
            return jobs if wanted <= set(jobs) else None

        return wait_for(found, 30, "the accounting to catch up") if wanted else self.jobs_by_token()

    def tidy(self) -> None:
        """A job that a failed test has left would be in the next one's way."""
        left = self.active_jobs()
        if left:
            with suppress(subprocess.CalledProcessError):  # one has ended by itself meanwhile
                self.cancel(left)
            self.queue_is_empty()

    def ask(self, *argv: str) -> str:
        return subprocess.run(
            argv,
            capture_output=True,
            text=True,
            check=True,
            timeout=60,
            env={**os.environ, **self.environment},
        ).stdout


class SlurmWorld(World):
    """The throw-away Slurm that SLURM_CONF names."""

    name = "slurm"
    template = "slurm.sh.j2"
    prefix = "#SBATCH"
    hold = "--hold"
    submits = "sbatch"
    asks = "squeue"
    unreachable = "Unable to contact slurm controller"
    from_elsewhere = '"$REAL" --chdir="$folder" "${@:1:$#-2}" "$folder/job.sh" 1'

    def __init__(self, partition: str = "short") -> None:
        self.profile = f"extends: slurm\npartition: {partition}\naccount: materials\n"

    @property
    def environment(self) -> dict[str, str]:
        # The cluster may be another one than when the session began.
        return {"SLURM_CONF": os.environ["SLURM_CONF"]}

    def jobs_by_token(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        queue = self._rows("squeue", "--states=all", f"--format=%i{SEPARATOR}%j", "--me")
        # The queue forgets jobs that are over, the accounting lags a little behind.
        kept = self._rows(
            "sacct", "-X", "-P", f"--delimiter={SEPARATOR}", "--starttime=now-2hours",
            "--endtime=now", "--state=BF,CA,CD,DL,F,NF,OOM,PD,PR,R,RQ,RS,RV,S,TO",
            "--format=JobID,JobName",
        )  # fmt: skip
        for job_id, job_name in [*queue, *kept]:
            found[job_name.partition(".")[2]].add(job_id)
        return found

    def active_jobs(self) -> dict[str, str]:
        rows = self._rows("squeue", "--me", f"--format=%i{SEPARATOR}%j")
        return {job_id: job_name.partition(".")[2] for job_id, job_name in rows}

    def cancel(self, job_ids: Iterable[str]) -> None:
        self.ask("scancel", *job_ids)

    def release(self, job_ids: Iterable[str]) -> None:
        self.ask("scontrol", "release", *job_ids)

    def shows(self, job_id: str) -> bool:
        return job_id in self.ask("squeue", "--noheader", "--states=all", "--format=%i").split()

    def _rows(self, *argv: str) -> list[list[str]]:
        lines = self.ask(*argv, "--noheader").splitlines()
        return [line.split(SEPARATOR) for line in lines]


class PbsWorld(World):
    """A practice PBS of hpctrain's own, in a folder."""

    name = "pbs"
    # PBS's own umask lets nobody else look at a run.
    profile = 'scheduler: pbs\nqueue: workq\numask: "0022"\n'
    template = "pbs.sh.j2"
    prefix = "#PBS"
    hold = "-h"
    submits = "qsub"
    asks = "qstat"
    unreachable = "cannot connect to server"
    # The script knows its folder; the attempt is in a variable.
    from_elsewhere = '"$REAL" "${@:1:$#-1}" "$folder/job.sh"'

    def __init__(self, folder: Path, address: Path) -> None:
        self.folder = folder
        put_programs(folder, address)

    @property
    def environment(self) -> dict[str, str]:
        return {"PATH": f"{self.folder / 'bin'}:{os.environ['PATH']}"}

    def jobs_by_token(self) -> dict[str, set[str]]:
        found: dict[str, set[str]] = defaultdict(set)
        for job_id, job in self._jobs().items():
            found[job["Variable_List"].get("HPCTRAIN_TOKEN", "")].add(job_id)
        return found

    def active_jobs(self) -> dict[str, str]:
        return {
            job_id: job["Variable_List"].get("HPCTRAIN_TOKEN", "")
            for job_id, job in self._jobs(over=False).items()
        }

    def cancel(self, job_ids: Iterable[str]) -> None:
        self.ask("qdel", *job_ids)

    def release(self, job_ids: Iterable[str]) -> None:
        self.ask("qrls", *job_ids)

    def shows(self, job_id: str) -> bool:
        return job_id in self._jobs()

    @contextmanager
    def down(self) -> Iterator[None]:
        """Nobody answers."""
        (self.folder / "down").touch()
        try:
            yield
        finally:
            (self.folder / "down").unlink()

    def forgets(self) -> None:
        """From now on it keeps no history: a job that is over is not known any more."""
        (self.folder / "no-history").touch()

    def _jobs(self, *, over: bool = True) -> dict[str, dict[str, Any]]:
        """The jobs' attributes by id."""
        history = ["-x"] if over and not (self.folder / "no-history").exists() else []
        reply = json.loads(self.ask("qstat", *history, "-f", "-F", "json"))
        jobs: dict[str, dict[str, Any]] = reply.get("Jobs", {})
        return jobs
