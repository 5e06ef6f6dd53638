"""Potentials in an archive as collect puts them there, without a training: their data are real."""

from __future__ import annotations

import hashlib
import json
import shutil
from typing import Any

from hpctrain.data.export import export
from hpctrain.engines.pacemaker.usage import usage
from hpctrain.potentials import archive
from hpctrain.project import Project
from hpctrain.settings import DataConfig

FEW = "id>1,id<14"


def errors(energy: float, force: float) -> dict[str, Any]:
    return {"rmse_energy_mev_per_atom": energy, "rmse_force_ev_per_a": force, "structures": 9}


def make_potential(
    project: Project,
    name: str = "potential_gen_01",
    *,
    data: dict[str, Any] | None = None,
    keep_run: bool = True,
    active_set: bool = True,
    **more: Any,
) -> dict[str, Any]:
    """Archive a potential that tells of an export of the project's rows; its card."""
    config = DataConfig.model_validate({"source": "al_pbe.db", "select": FEW, **(data or {})})
    run = project.runs / f"20261126-1200{len(archive.names(project.potentials)):02d}-abcd"
    dataset = export(config, project.folder, run, cutoff=6.0)
    files = {}
    for suffix in ("yace", "yaml", "asi") if active_set else ("yace", "yaml"):
        source = run / f"output_potential.{suffix}"
        source.write_text(f"{name} as {suffix}")
        archive.put(source, project.potentials / f"{name}.{suffix}")
        files[suffix] = {
            "path": f"{name}.{suffix}",
            "sha256": hashlib.sha256(source.read_bytes()).hexdigest(),
            "bytes": source.stat().st_size,
        }
    card = {
        "schema": "hpctrain.potential/1",
        "name": name,
        "generation": int(name.split("_")[2]),
        "archived": "2026-11-26T12:00:00+00:00",
        "parents": [],
        "files": files,
        "active_set": {"made": active_set, "why": None if active_set else "switched off"},
        "elements": ["Al"],
        "reference_energies": {"Al": -0.2994},
        "shift": 0.0,
        "metrics": {"train": errors(5.0, 0.05), "test": errors(6.0, 0.06),
                    "archived_file_on_test": errors(6.0, 0.06), "iterations": 20},
        "dataset": {**dataset.facts(), "rows": json.loads(json.dumps(dataset.rows(),
                    default=list))},
        "settings": {
            "data": config.model_dump(mode="json"),
            "training": {
                "engine": "pacemaker", "cutoff": 6.0, "b_basis_size": 20, "max_iter": 20,
            },
        },
        "evaluator": "pyace",
        "input": {
            "potential": {"elements": ["Al"], "bonds": {"ALL": {"rcut": 6.0}}},
            "fit": {"loss": {"kappa": 0.5}},
        },
        "units": {"energy": "eV", "length": "Å", "force": "eV/Å"},
        "run": {
            "run_id": run.name,
            "created": "2026-11-26T11:00:00+00:00",
            "job_ids": ["1"],
            "attempts": 1,
            "started": 1794999000.0,
            "ended": 1795000000.0,
            "seconds": {"total": 1000.0},
            "site": {
                "name": "local",
                "files": [],
                "profile": {
                    "scheduler": "local",
                    "output": "job-%j.out",
                    "trainer": {"python": None},
                },
            },
        },
        "versions": {"hpctrain": "0.1", "python-ace": "0.4.0rc1"},
        "collected_by": {"hpctrain": "0.1"},
        "use": usage(name, ["Al"], active_set),
        **more,
    }  # fmt: skip
    written = run / "card.json"
    written.write_text(json.dumps(card))
    archive.put(written, project.potentials / f"{name}.json")
    event = {"event": "collected", "name": name,
             "card_sha256": hashlib.sha256(written.read_bytes()).hexdigest()}  # fmt: skip
    (run / "events.jsonl").write_text(json.dumps(event) + "\n")
    if not keep_run:
        shutil.rmtree(run)
    return card
