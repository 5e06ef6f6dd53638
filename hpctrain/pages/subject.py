"""What a page is about, as a record: a potential, by its card, or a run, by its files."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from urllib.parse import quote

from hpctrain.engines import DEFAULT, engine_of, engine_of_settings
from hpctrain.engines.base import Engine
from hpctrain.engines.usage import total_energy
from hpctrain.files import iso, timestamp
from hpctrain.runs.manifest import Manifest
from hpctrain.runs.result import Best, Environment, Evaluation, Result, errors_of_file
from hpctrain.runs.state.curves import Curves
from hpctrain.runs.state.summary import RunStatus
from hpctrain.text import Metrics, duration

NOT_VERIFIED = "not verified: there is no verification.json"
Json = Mapping[str, Any]


class Link(NamedTuple):
    """A file beside the page: its name, what it is, and where it is from the page."""

    name: str
    what: str
    href: str


class Block(NamedTuple):
    """Lines to copy, or to read, under their title."""

    title: str
    lines: Sequence[str]
    code: bool = True


@dataclass(frozen=True)
class Subject:
    """What a page says. ``metrics`` by set, None where it was not measured.

    ``no_curves`` and ``unverified`` say why there is no learning curve or no verification, if
    there is none. ``rows`` are the ids on both sides of the split. ``main`` is the suffix of the
    potential itself, ``suffixes`` those of all its files. What versions before did not note
    (``basis``, ``spent``, ``cpu``) is None.
    """

    name: str
    subtitle: str
    metrics: Mapping[str, Metrics | None]
    curves: Curves
    no_curves: str
    verification: Json | None
    unverified: str
    settings: Json
    evaluator: str
    input: Json
    dataset: Json
    rows: Json
    provenance: list[tuple[str, str]]
    best: Best | None = None
    stopped: str | None = None
    warnings: tuple[str, ...] = ()
    accepted: Json | None = None
    reference_energies: Mapping[str, float] = field(default_factory=dict)
    shift: float | None = None
    use: tuple[Block, ...] = ()
    files: tuple[Link, ...] = ()
    basis_size: Json | None = None
    basis: Json | None = None
    spent: Json | None = None
    cpu: str | None = None
    main: str = ""
    suffixes: tuple[str, ...] = ()

    @property
    def engine(self) -> Engine:
        """Return the trainer."""
        return engine_of_settings(self.settings.get("training") or {})


@dataclass(frozen=True)
class Checks:
    """The checks of a verification; ``unverified`` says why there are none."""

    content: Mapping[str, Any] | None
    unverified: str

    @property
    def all(self) -> list[Mapping[str, Any]]:
        """Return every check, in its order."""
        return list((self.content or {}).get("checks") or [])

    def data(self, name: str, key: str) -> Any:
        """Return what a check has to draw; None if it has nothing."""
        return ((self._named(name) or {}).get("data") or {}).get(key) or None

    def why(self, name: str) -> str:
        """Say why there is nothing to draw."""
        if self.content is None:
            return self.unverified
        check = self._named(name)
        if check is None:
            return "not among the checks of this verification"
        if check.get("verdict") == "skipped":
            return f"skipped: {check.get('seen') or 'no reason given'}"
        return f"the check left nothing to draw: {check.get('seen') or check.get('verdict')}"

    def _named(self, name: str) -> Mapping[str, Any] | None:
        return next((check for check in self.all if check.get("name") == name), None)


def of_potential(
    card: Json, so_far: Curves, verification: Json | None, archive: str | None = None
) -> Subject:
    """Return what a page says of a potential: its card, and what was archived beside it.

    ``archive`` is where ``potentials/`` is from the page, for links; without it there are none.
    """
    run, metrics = card["run"], card["metrics"]
    dataset = {name: value for name, value in card["dataset"].items() if name != "rows"}
    provenance = [
        ("archived", moment(card["archived"])),
        *((f"{kind}, sha256", str(file["sha256"])) for kind, file in card["files"].items()),
        *((f"parent {one['name']}", str(one["sha256"])) for one in card.get("parents") or []),
        *_request_facts(run, card["dataset"], run["site"]["name"]),
        ("jobs", ", ".join(run["job_ids"]) or "unknown"),
        ("attempts", str(run["attempts"])),
        *_training_facts(run, card["versions"], run.get("environment") or {}),
        ("archived by", _versions(card["collected_by"])),
    ]
    return Subject(
        name=card["name"],
        subtitle=f"Generation {card['generation']}, archived {moment(card['archived'])}, "
        f"from run {run['run_id']}{_where(card, run['site']['name'])}",
        metrics={name: metrics.get(name) for name in ("train", "test", "archived_file_on_test")},
        curves=so_far,
        no_curves="there is no learning_curve.csv beside the card",
        # The card has the verdicts, though nothing to draw.
        verification=verification or card.get("verification"),
        unverified=NOT_VERIFIED,
        settings=card["settings"],
        evaluator=card["evaluator"],
        input=card["input"],
        dataset=dataset,
        rows=card["dataset"].get("rows") or {},
        provenance=provenance,
        best=card.get("best"),
        stopped=card.get("stopped"),
        warnings=(*map(str, card.get("warnings") or ()), *by_hand(card)),
        accepted=(card.get("verification") or {}).get("accepted"),
        reference_energies=card["reference_energies"] or {},
        shift=card["shift"],
        use=_usage_blocks(card),
        files=() if archive is None else tuple(_files(card, archive, verification is not None)),
        basis_size=card.get("basis_size"),
        basis=card.get("basis"),
        spent=run.get("spent"),
        cpu=(run.get("environment") or {}).get("cpu"),
        main=card.get("main") or _engine_of(card).artefacts[0].suffix,
        suffixes=tuple(card["files"]),
    )


def _files(card: Json, archive: str, verified: bool) -> Iterable[Link]:
    """List what the archive holds of a potential."""
    name = card["name"]
    words = {one.suffix: one.words for one in _engine_of(card).artefacts}
    for kind, file in card["files"].items():
        what = f"{words.get(kind, kind)}; {file['bytes']:,} bytes"
        yield Link(file["path"], what, f"{archive}/{quote(file['path'])}")
    yield Link(f"{name}.json", "the card: all that is known of it", f"{archive}/{quote(name)}.json")
    of_report = [("learning_curve.csv", "the learning curve as a table")]
    if verified:
        of_report.append(("verification.json", "what the checks measured"))
    for file, what in of_report:
        yield Link(file, what, f"{archive}/report/{quote(name)}/{file}")


@dataclass(frozen=True)
class RunFiles:
    """What lies in a run's folder; of the latest attempt, and empty where it is not there."""

    manifest: Manifest
    attempts: int
    result: Result
    evaluation: Evaluation
    environment: Environment
    verification: Json | None
    rows: Json
    curves: Curves
    spent: Json | None = None
    links: tuple[Link, ...] = ()


def of_run(status: RunStatus, files: RunFiles) -> Subject:
    """Return what a page says of a run in any state, as far as it is."""
    manifest, result, environment = files.manifest, files.result, files.environment
    evaluation = result.get("potential") or files.evaluation
    engine, made = engine_of_settings(manifest["settings"]["training"]), result.get("files") or {}
    state = f"{status.state} since {moment(status.since)}" if status.since else status.state
    if status.state == "collected":
        state = f"archived as {status.reason}"
    elif status.reason not in ("", status.state):
        state += f": {status.reason}"
    if status.iteration is None:
        done = f"no iteration of {status.max_iter} yet"
    else:
        done = f"iteration {status.iteration} of {status.max_iter}"
    facts = {**result, "run_id": status.run_id, "name": status.name, "created": manifest["created"]}
    return Subject(
        name=status.run_id,
        subtitle=f"Run of {manifest['project']}{_where(manifest, status.site)}, {state}; {done}",
        metrics={"train": evaluation.get("train") or status.train,
                 "test": evaluation.get("test") or status.test,
                 "archived_file_on_test": errors_of_file(evaluation)},
        curves=files.curves,
        no_curves="the trainer has written no errors yet",
        verification=files.verification,
        unverified="not verified: the job verifies a potential at its end" if not result
        else NOT_VERIFIED,
        settings=manifest["settings"],
        evaluator=manifest["evaluator"],
        input=manifest["input"],
        dataset=manifest["dataset"],
        rows=files.rows,
        provenance=[
            *((f"{name}, sha256", str(value["sha256"])) for name, value in
              (result.get("files") or {}).items() if value.get("sha256")),
            *_request_facts(facts, manifest["dataset"], status.site),
            ("job", status.job_id or "none yet"),
            ("attempts", str(files.attempts)),
            *_training_facts(facts, {**manifest["versions"], **environment.get("packages", {})},
                      environment),
        ],
        best=result.get("best"),
        stopped=result.get("stopped"),
        warnings=(*status.warnings, *(manifest.get("warnings") or ()), *by_hand(manifest)),
        reference_energies=evaluation.get("reference_energies") or {},
        shift=evaluation.get("shift"),
        files=files.links,
        basis_size=result.get("basis_size"),
        basis=evaluation.get("basis"),
        spent=files.spent,
        cpu=environment.get("cpu"),
        main=engine.artefacts[0].suffix,
        suffixes=tuple(one.suffix for one in engine.artefacts if one.made_as in made),
    )  # fmt: skip


def _where(facts: Mapping[str, Any], site: str) -> str:
    return ", trained by hand" if facts.get("origin") == "adopted" else f" on {site}"


def by_hand(facts: Mapping[str, Any]) -> list[str]:
    """Say whether a training was made by hand, and what of it is not known."""
    unknown = [f"not known: {words}" for words in facts.get("unknown") or ()]
    if facts.get("origin") != "adopted":
        return unknown
    return ["trained by hand, and adopted: what its folder does not tell is unknown", *unknown]


def moment(time: str | None) -> str:
    """Format a time for people: ``2026-11-26 11:03 UTC``, wherever the page is read."""
    seconds = timestamp(time)
    return iso(seconds)[:16].replace("T", " ") + " UTC" if seconds else "unknown"


def _request_facts(run: Json, dataset: Json, site: str) -> list[tuple[str, str]]:
    return [
        ("run", f"{run['run_id']} ({run['name']})" if run.get("name") else str(run["run_id"])),
        ("created", moment(run.get("created"))),
        ("site", site),
        ("data", str(dataset["fingerprint"] or "unknown")),
        ("rows", str(dataset["rows_fingerprint"] or "unknown")),
        *(
            (f"{side}.extxyz, sha256", str(dataset[side]["sha256"] if dataset[side] else "unknown"))
            for side in ("train", "test")
        ),
    ]


def _training_facts(run: Json, versions: Json, environment: Json) -> list[tuple[str, str]]:
    ended, seconds = run.get("ended"), run.get("seconds") or {}
    took = f"{duration(seconds.get('total'))}, training {duration(seconds.get('train'))}"
    return [
        ("ended", moment(iso(float(ended))) if ended else "not yet"),
        ("last attempt", took if seconds else "not ended"),
        ("host", str(environment.get("host") or "unknown")),
        *_gpu_facts(environment),
        ("versions", _versions(versions)),
    ]


def _gpu_facts(environment: Json) -> list[tuple[str, str]]:
    """List the GPUs of the node, and those that the trainer saw, where that is known."""
    known = [("GPUs of the node", "gpus"), ("GPUs that the trainer saw", "trainer_gpus")]
    return [
        (name, ", ".join(map(str, environment[key])) or "none")
        for name, key in known
        if environment.get(key) is not None and environment.get("trainer_gpus") is not None
    ]


def _versions(packages: Json) -> str:
    return ", ".join(f"{name} {version}" for name, version in packages.items() if version)


_USE = (
    ("ase", "In ASE, in the trainer's environment"),
    ("lammps", "In LAMMPS with {in_lammps}"),
    ("ase_without_tensorflow", "In ASE without TensorFlow"),
    ("lammps_without_tensorflow", "In LAMMPS with {in_lammps}, without TensorFlow"),
    ("ase_extrapolation", "In ASE with the extrapolation grade γ"),
    ("lammps_extrapolation", "In LAMMPS with the extrapolation grade γ"),
)


def _usage_blocks(card: Json) -> tuple[Block, ...]:
    """Return how a potential is used and cited, however its card holds it."""
    use = card.get("use")
    if not isinstance(use, Mapping) or "ase" not in use:
        blocks = [Block("In ASE and LAMMPS", _usage_lines(use))]
    else:
        energy, types = (_mapping(use.get(key)) for key in ("energy", "atom_types"))
        in_lammps = _engine_of(card).method.in_lammps
        facts = [total_energy(card["reference_energies"], card["shift"] or 0.0)]
        more = (energy.get("where"), use.get("units"), use.get("lammps_needs"))
        facts += [str(words) for words in more if words]
        named = ", ".join(f"{n} {name}" for n, name in types.items())
        facts += [f"atom types in LAMMPS: {named}"] if named else []
        blocks = [
            *(
                Block(title.format(in_lammps=in_lammps), _usage_lines(use.get(key)))
                for key, title in _USE
            ),
            Block("Energies and units", facts, code=False),
            Block("To cite", _usage_lines(use.get("cite")), code=False),
        ]
    return tuple(block for block in blocks if block.lines)


def _engine_of(card: Json) -> Engine:
    return engine_of(card.get("engine") or DEFAULT)


def _mapping(value: object) -> Json:
    return value if isinstance(value, Mapping) else {}


def _usage_lines(use: object) -> tuple[str, ...]:
    """Return the lines with which a potential is used, however a card holds them."""
    if isinstance(use, str):
        return tuple(use.splitlines())
    if isinstance(use, Mapping):
        return tuple(line for part in use.values() for line in _usage_lines(part))
    return (
        tuple(line for part in use for line in _usage_lines(part)) if isinstance(use, list) else ()
    )
