# ruff: noqa: PTH103, PTH109, PTH118, PTH119, PTH123, UP031
"""Stands in for job/train.py: one training in a moment, with the evidence that a real one leaves.

It claims its attempt as the real one does, with the code that travels with the run, and notes
every training that it begins in a file outside the run. QUICK says how it ends: ``completed``,
``timeout``, ``wait`` (until it is made to end).
"""

import hashlib
import os
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
ERRORS = {"rmse_energy_mev_per_atom": 1.0, "rmse_force_ev_per_a": 0.1}


def write(name, text):
    with open(name, "w") as file:
        file.write(text)


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
    names = TABLE.split()
    table = " ".join(names) + "\n"
    for number in range(5):
        row = {"iter_num": number, "loss": 1.0 / (1 + number), "rmse_epa": 0.001}
        table += " ".join(str(row.get(name, 0)) for name in names) + "\n"
    write("metrics.txt", table)
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
        for name in ("output_potential.yaml", "output_potential.yace"):
            text = "%s of job %s\n" % (name, job_id)
            write(name, text)
            files[name] = {"sha256": hashlib.sha256(text.encode()).hexdigest(), "bytes": len(text)}
        result["files"] = files
        result["potential"] = {
            "train": ERRORS,
            "test": ERRORS,
            "yace": ERRORS,
            "shift": 0.0,
            "reference_energies": {"Al": -0.2994},
        }
    else:
        result["reason"] = "the walltime came near"
    evidence.write_json("result.json", result)
    return 0


sys.exit(main())
