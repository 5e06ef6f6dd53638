"""Use case: archive the potentials of finished runs, versioned, each with its card."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hpctrain.engines import engine_of
from hpctrain.files import as_json, sha256_of, sum_of, write_text
from hpctrain.potentials import archive
from hpctrain.potentials.card import Card, main_file, make_card, refuse_unfinished
from hpctrain.potentials.verification import (
    VERIFICATION,
    failed_checks,
    read_verification,
    verification_summary,
)
from hpctrain.process import Run as RunProgram
from hpctrain.process import run_scheduler
from hpctrain.project import Project
from hpctrain.records import BadFile
from hpctrain.runs.actions.status import RunStatus, status
from hpctrain.runs.lock import hold_lock
from hpctrain.runs.result import Result, Verification, errors_of_file
from hpctrain.runs.run import Run
from hpctrain.runs.state.attempts import find_counting_attempt
from hpctrain.runs.state.curves import Curves, curves


@dataclass(frozen=True)
class Collected:
    """A potential in the archive; ``new`` if this call put it there."""

    name: str
    path: Path
    sha256: str
    card_path: Path
    card: Card
    run_id: str
    new: bool


@dataclass(frozen=True)
class NotReady:
    """A run that gives no potential, and why; that of a ``trial`` is never archived."""

    run_id: str
    state: str
    reason: str
    trial: bool = False


@dataclass(frozen=True)
class Collection:
    """The potentials of some runs, and the runs that give none."""

    potentials: list[Collected]
    not_ready: list[NotReady]


def collect(
    project: Project,
    names: tuple[str, ...] = (),
    *,
    accept: str | None = None,
    program: RunProgram = run_scheduler,
    say: Callable[[str], None] = lambda _: None,
) -> Collection:
    """Archive the potentials of the named runs, or of all that are finished and not archived.

    One whose verification failed is archived only with ``accept``: why, which may be empty.
    """
    found = status(project, names, program=program, say=say).runs
    if not any(run.state == "completed" and not run.trial for run in found):
        return _collect(project, found, accept, say)
    with hold_lock(project.runs, "collect", say=say):
        # Another collect may have been quicker.
        return _collect(project, status(project, names, program=program, say=say).runs, accept, say)


def _collect(
    project: Project,
    runs: list[RunStatus],
    accept: str | None,
    say: Callable[[str], None],
) -> Collection:
    potentials: list[Collected] = []
    not_ready: list[NotReady] = []
    for found in runs:
        assert found.run is not None
        if found.trial and found.state == "completed":
            not_ready.append(NotReady(found.run_id, found.state, TRIAL, trial=True))
        elif found.state in ("collected", "completed"):
            try:
                if found.state == "collected":
                    one = _read_archived(project, found.run, found.reason, new=False)
                else:
                    one = _archive(project, found, accept, say)
                potentials.append(one)
            except (_NoEvidence, BadFile) as problem:
                not_ready.append(NotReady(found.run_id, found.state, str(problem)))
        else:
            not_ready.append(NotReady(found.run_id, found.state, found.reason or _WHY[found.state]))
    return Collection(potentials, not_ready)


class _NoEvidence(Exception):
    """Why the files of a run that is said to be finished give no potential."""


TRIAL = "it was submitted with --trial, and is never archived"
_WHY = {
    "prepared": "never submitted",
    "submitting": "its submission is not finished",
    "queued": "waiting in the queue",
    "held": "held in the queue",
    "running": "still training",
    "stopping": "about to end",
    "failed": "the training failed",
    "timeout": "ended at its walltime",
    "out_of_memory": "ran out of memory",
    "cancelled": "cancelled",
    "unknown": "its state is not known",
}


def _archive(
    project: Project, found: RunStatus, accept: str | None, say: Callable[[str], None]
) -> Collected:
    run = found.run
    assert run is not None
    history = run.history()
    attempt = find_counting_attempt(run, history).attempt
    folder, result = run.attempt(attempt), run.result(attempt)
    if result is None:
        raise _NoEvidence(f"{folder / 'result.json'} is gone")
    files = _files_to_archive(run, folder, result)
    refuse_unfinished(folder / "result.json", result)
    verification = read_verification(folder / VERIFICATION)
    # The result says it too: a file that is lost makes nothing of a failure.
    verdict = (verification or result.get("verification") or {}).get("verdict")
    if verdict == "fail" and history.accepted is None:
        if accept is None:
            raise _NoEvidence(_refusal(run, verification))
        run.record("accepted", why=accept)
        history = run.history()
    so_far = curves(run)
    name = history.collecting or archive.next_name(
        project.potentials, int(run.manifest["generation"])
    )
    while True:
        if name != history.collecting:
            run.record("collecting", name=name)
        try:
            for suffix, source in files.items():
                archive.put(source, project.potentials / f"{name}.{suffix}")
            began = run.history().collecting_since
            card = make_card(run, history, result, name, so_far, str(began))
            if verification is None:
                card["not_verified"] = _why_not_verified(result)
            else:
                card["verification"] = verification_summary(verification, history.accepted)
                archive.put(
                    folder / VERIFICATION, project.potentials / "report" / name / VERIFICATION
                )
            best = card["best"]["iteration"] if card["best"] else None
            _put_curves(
                project.potentials / "report" / name, so_far, best, engine_of(run.engine).key_names
            )
            with tempfile.TemporaryDirectory() as temporary:
                written = Path(temporary) / "card.json"
                write_text(written, as_json(card))
                archive.put(written, project.potentials / f"{name}.json")
                card_sha256 = sha256_of(written)
            break
        except FileExistsError:
            # Another run took the name in the meantime.
            name = archive.next_name(project.potentials, int(run.manifest["generation"]))
    _put_page(project, card, so_far, verification, say)
    run.record("collected", name=name, sha256=main_file(card)["sha256"], card_sha256=card_sha256)
    return _read_archived(project, run, name, new=True)


def _files_to_archive(run: Run, folder: Path, result: Result) -> dict[str, Path]:
    """Find the files to archive, by suffix; _NoEvidence unless they are what the job loaded."""
    found = {}
    for artefact in engine_of(run.engine).artefacts:
        path = folder / artefact.made_as
        known = (result.get("files") or {}).get(artefact.made_as)
        if not artefact.needed and not known:
            continue  # switched off, or it could not be made: the potential is whole without it
        if not (path.is_dir() if artefact.folder else path.is_file()):
            raise _NoEvidence(f"{path} is gone")
        if path.is_symlink():
            raise _NoEvidence(f"{path} is a link")
        if known is None or sum_of(path) != known.get("sha256"):
            raise _NoEvidence(f"{path} is not the file that the job made and loaded")
        found[artefact.suffix] = path
    if errors_of_file(result.get("potential") or {}) is None:
        raise _NoEvidence("the job did not load the potential")
    return found


def _why_not_verified(result: Result) -> str:
    step = result.get("verification")
    if step is None:
        return "its job was submitted before there were checks"
    return step.get("problem") or f"{VERIFICATION} of its job is gone, or damaged"


def _refusal(run: Run, verification: Verification | None) -> str:
    why = f"{VERIFICATION} of its job is gone, or damaged"
    if verification is not None:
        why = "; ".join(failed_checks(verification))
    return (
        f"its verification failed: {why}. To archive it anyway: "
        f"hpctrain collect {run.run_id} --accept --why '…'"
    )


def _put_curves(folder: Path, so_far: Curves, best: int | None, key_names: Sequence[str]) -> None:
    from hpctrain.pages.learning_curve import draw_learning_curve, learning_curve_csv

    with tempfile.TemporaryDirectory() as temporary:
        table, picture = Path(temporary) / "curve.csv", Path(temporary) / "curve.png"
        write_text(table, learning_curve_csv(so_far, key_names))
        draw_learning_curve(so_far, picture, best)
        archive.put(table, folder / "learning_curve.csv")
        archive.put(picture, folder / "learning_curve.png")


def _put_page(
    project: Project,
    card: Card,
    so_far: Curves,
    verification: Verification | None,
    say: Callable[[str], None],
) -> None:
    """Write the page beside the card; it can be written again at any time: no reason to fail."""
    from hpctrain.pages.page import page
    from hpctrain.pages.subject import of_potential

    target = project.potentials / "report" / card["name"] / "report.html"
    try:
        with tempfile.TemporaryDirectory() as temporary:
            written = Path(temporary) / "report.html"
            text = page(of_potential(card, so_far, verification, "../.."))
            written.write_text(text, encoding="utf-8")
            archive.put(written, target)
    except FileExistsError:
        pass  # an interrupted collect, of another version, has written it
    except Exception as error:  # noqa: BLE001  whatever it is, the potential is archived
        say(f"{target} could not be written ({type(error).__name__}: {error}); "
            f"the potential is archived; try: hpctrain report {card['name']}")  # fmt: skip


def _read_archived(project: Project, run: Run, name: str, *, new: bool) -> Collected:
    card_path = project.potentials / f"{name}.json"
    card = archive.read_named_card(project.potentials, name)
    if card is None:
        raise _NoEvidence(
            f"it was archived as {name}, but {card_path} is gone; the run still holds its "
            f"potential: {run.folder}"
        )
    return Collected(
        name=name,
        path=project.potentials / main_file(card)["path"],
        sha256=main_file(card)["sha256"],
        card_path=card_path,
        card=card,
        run_id=run.run_id,
        new=new,
    )
