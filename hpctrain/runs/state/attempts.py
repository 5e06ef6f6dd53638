"""Which attempt of a run counts, and which job it is, by events and evidence together.

hpctrain records what it submits. The jobs of a training that is longer than a walltime submit, or
requeue, each other, and say so in their results.
"""

from __future__ import annotations

from dataclasses import dataclass

from hpctrain.records import BadFile
from hpctrain.runs.history import History
from hpctrain.runs.result import Continues, NextJob, Result
from hpctrain.runs.run import Run


@dataclass(frozen=True)
class CountingAttempt:
    """The last attempt that has begun, or the first of all, or the one that was resumed.

    ``result`` is its own, or None. ``later`` are those that may follow and have not begun, with
    their jobs as far as these are known: announced in the result, or submitted ahead. ``damage``
    is what is wrong with the result, where there is one that cannot be read.
    """

    attempt: int
    job_id: str | None
    result: Result | None
    later: tuple[tuple[int, str | None], ...] = ()
    damage: str | None = None


def find_counting_attempt(run: Run, history: History) -> CountingAttempt:
    """Find the attempt that counts; none is looked for behind one that is complete."""
    claims = {number: run.claim(number) for number in run.attempts()}
    begun = [number for number in claims if claims[number] is not None]
    last = max([history.first, *begun])
    damages: dict[int, str] = {}
    results = {n: _result(run, n, damages) for n in {*begun, last, last - 1} if n}
    complete = [number for number, result in results.items() if _state(result) == "completed"]
    number = min(complete, default=last)
    # It has trained nothing, because that one was alive.
    other = (results.get(number) or {}).get("gives_way_to")
    if isinstance(other, int) and other in begun:
        number = other
        results.update({one: _result(run, one, damages) for one in (number, number - 1) if one})

    def job_id(number: int) -> str | None:
        told = (claims.get(number) or {}).get("job_id") or history.job_ids.get(number)
        before = results.get(number - 1)
        # The id is in next.json where the job was killed before it could repeat it in its result.
        announced = (_announcement(before) or {}).get("job_id") or _next_job_id(run, number - 1)
        found = told or announced
        return None if found is None else str(found)

    later: set[int] = set()
    here = _announcement(results.get(number))
    # After a result that announces no other, the jobs of a chain end at once.
    if not complete and (results.get(number) is None or here is not None):
        later = {other for other in history.job_ids if other > number and other not in begun}
        if here is not None:
            later.add(number + 1)
    return CountingAttempt(
        number,
        job_id(number),
        results.get(number),
        tuple((other, job_id(other)) for other in sorted(later)),
        damages.get(number),
    )


def _result(run: Run, number: int, damages: dict[int, str]) -> Result | None:
    try:
        return run.result(number)
    except BadFile as bad:
        run.note(bad)
        damages[number] = bad.within(run.folder)
        return None


def _next_job_id(run: Run, number: int) -> object:
    """Return the id of the job that an attempt's own job has submitted, if it has."""
    if number < 1:
        return None
    return (run.try_read(run.attempt(number) / "next.json", NextJob) or {}).get("job_id")


def _state(result: Result | None) -> str | None:
    return None if result is None else result.get("state")


def _announcement(result: Result | None) -> Continues | None:
    """Return what an attempt says about the next one; None if it announces none."""
    goes_on = None if result is None else result.get("continues")
    if not goes_on:
        return None
    return goes_on if isinstance(goes_on, dict) else {}
