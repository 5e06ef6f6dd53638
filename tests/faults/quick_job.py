# ruff: noqa: PTH103, PTH109, PTH118, PTH119, UP031
"""Stands in for job/train.py: one training in a moment, with the evidence that a real one leaves.

It claims its attempt as the real one does, with the code that travels with the run, and notes
every training that it begins in a file outside the run. What it leaves is of the trainer that the
run's settings name: Pacemaker's files, or GRACE's, of which one is a folder. QUICK says how it
ends: ``completed``, ``timeout``, ``wait`` (until it is made to end).
"""

import json
import os
import pathlib
import sys
import time

RUN = os.getcwd()
sys.path.insert(0, RUN)
from job import evidence  # noqa: E402

TABLE = """
ladder_step cycle_step iter_num loss e_loss_contrib f_loss_contrib reg_loss rmse_epa rmse_f_comp
low_rmse_epa low_rmse_f_comp mae_f_comp low_mae_f_comp nfuncs ncoefs l1_reg_contrib l2_reg_contrib
smooth_orth smooth_w1 smooth_w2 smooth_w3
"""
FOLDER = ("saved_model.pb", "model.yaml", "variables/variables.index")
ERRORS = {"rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.1}


def write(name, text):
    file = pathlib.Path(name)
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def of_pacemaker():
    """The table, the files of the potential, and what its errors are called."""
    names = TABLE.split()
    table = " ".join(names) + "\n"
    for number in range(5):
        row = {"iter_num": number, "loss": 1.0 / (1 + number), "rmse_epa": 0.001}
        table += " ".join(str(row.get(name, 0)) for name in names) + "\n"
    write("metrics.txt", table)
    return {name: [name] for name in ("output_potential.yaml", "output_potential.yace")}, "yace"


def of_grace():
    """The same."""
    seed = evidence.read_json(pathlib.Path(RUN, "job", "input.json"))["seed"]
    for side in ("train", "test"):
        table = ""
        for number in range(5):
            row = {"total_loss/" + side: 1.0 / (1 + number), "rmse/depa": 0.001, "rmse/f_comp": 0.0}
            table += "- %s\n" % json.dumps(
                dict(row, epoch=number, **({"step": 1} if number else {}))
            )
        write("seed/%s/%s_metrics.yaml" % (seed, side), table)
    model = ["output_potential.model/" + name for name in FOLDER]
    return {
        "output_potential.model": model,
        "output_potential.yaml": ["output_potential.yaml"],
    }, "file"


def main():
    attempt = int(sys.argv[1]) + int(os.environ.get("SLURM_RESTART_COUNT") or 0)
    job_id = os.environ.get("SLURM_JOB_ID") or os.environ.get("PBS_JOBID")
    folder = os.path.join(RUN, "attempts", "%02d" % attempt)
    os.makedirs(folder, exist_ok=True)
    os.chdir(folder)
    mine = {"job_id": job_id, "host": os.uname().nodename, "pid": os.getpid(), "time": time.time()}
    if not evidence.claim("claim.json", mine):
        return 73
    counter = os.open(os.environ["COUNTER"], os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o666)
    os.write(counter, ("%s %d %s\n" % (os.path.basename(RUN), attempt, job_id)).encode())
    os.close(counter)
    began = time.time()
    behaviour = os.environ.get("QUICK", "completed")
    while behaviour == "wait":
        time.sleep(3600)
    settings = evidence.read_json(pathlib.Path(RUN, "job", "settings.json"))
    made, errors = of_grace() if settings.get("engine") == "grace" else of_pacemaker()
    result = {
        "schema": "hpctrain.result/1",
        "attempt": attempt,
        "started": began,
        "ended": time.time(),
        "seconds": {"total": 0.1},
        "state": behaviour,
    }
    if behaviour == "completed":
        files = {}
        for name, parts in made.items():
            for part in parts:
                write(part, "%s of job %s\n" % (part, job_id))
            files[name] = evidence.facts_of(pathlib.Path(name))
        result["files"] = files
        result["potential"] = {
            "train": ERRORS,
            "test": ERRORS,
            errors: ERRORS,
            "shift": 0.0,
            "reference_energies": {"Al": -0.2994},
        }
    else:
        result["reason"] = "the walltime came near"
    evidence.write_json("result.json", result)
    return 0


sys.exit(main())
