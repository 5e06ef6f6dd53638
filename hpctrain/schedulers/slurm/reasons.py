"""Slurm's reasons for a job that waits: what each means, and whether the job can ever run.

The names are those of ``src/common/job_state_reason.c`` of Slurm 26.11, the meanings those of "Job
Reason Codes" in Slurm's documentation and of squeue(1). What is not listed is shown as it is.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

Kind = Literal["waits", "never", "held", "ended"]


@dataclass(frozen=True)
class Row:
    """Reasons that mean the same.

    ``never``: no other job's end lets it run. ``change`` says what to do about it.
    """

    kind: Kind
    words: str
    change: str
    names: tuple[str, ...]


def _row(kind: Kind, words: str, change: str, names: str) -> Row:
    return Row(kind, words, change, tuple(names.split()))


_LESS = "asks for more {} than one job may have here"
_SHOW = "sacctmgr show qos and sacctmgr show assoc tell the limits"
_GRANT = "the grant may be used up; ask the site, or use another account"

ROWS: tuple[Row, ...] = (
    _row("waits", "", "", "None"),
    _row("waits", "jobs of higher priority are ahead", "", "Priority"),
    _row("waits", "waits for free cores, memory or GPUs", "", "Resources"),
    _row("waits", "waits for another job", "", "Dependency"),
    _row("waits", "waits for its start time; after a requeue that is about two minutes", "",
         "BeginTime"),
    _row("waits", "the compute node is being made ready", "", "Prolog"),
    _row("waits", "its previous start is being cleaned up", "", "Cleaning"),
    _row("waits", "waits for a licence", "", "Licenses"),
    _row("waits", "waits for its reservation", "", "Reservation"),
    _row("waits", "a node it needs is not available, or reserved, for example before maintenance; "
         "a shorter walltime may fit", "", "ReqNodeNotAvail"),
    _row("waits", "a node it needs is down", "", "NodeDown"),
    _row("waits", "the partition is down", "", "PartitionDown"),
    _row("waits", "the partition is closed to jobs", "", "PartitionInactive"),
    _row("waits", "no suitable node is available at the moment", "", "Constraints"),
    _row("waits", "the scheduler looks at new jobs later", "", "SchedDefer"),
    _row("waits", "waits for room in the burst buffer", "", "BurstBufferResources"),
    _row("waits", "its files are being copied into the burst buffer", "", "BurstBufferStageIn"),
    _row("waits", "as many parts of the array run as are allowed", "", "JobArrayTaskLimit"),
    _row("waits", "the clusters of the federation have to agree", "", "FedJobLock"),
    _row("waits", "as many nodes are switched on as are allowed", "", "MaxPoweredUpNodes"),
    _row("waits", "waits for network ports", "", "MpiPortsBusy"),
    _row("waits", "waits for channels between GPUs", "", "NvidiaImexChannels"),
    _row("waits", "a limit of the account or QOS is reached", _SHOW,
         "AccountingPolicy AssociationJobLimit AssociationResourceLimit AssociationTimeLimit "
         "QOSJobLimit QOSResourceLimit QOSTimeLimit"),
    _row("waits", "the account has used too little, or too much, for this QOS", _SHOW,
         "QOSUsageThreshold"),
    # Jobs together: other jobs' ends let it run.
    _row("waits", "your limit is reached; it waits for your other jobs", "",
         "AssocMaxJobsLimit QOSMaxJobsPerUserLimit MaxJobsPerAccount"),
    _row("waits", "too many of your jobs are queued; it waits for the others", "",
         "AssocMaxSubmitJobLimit QOSMaxSubmitJobPerUserLimit MaxSubmitJobsPerAccount "
         "AssocGrpSubmitJobsLimit QOSGrpSubmitJobsLimit"),
    _row("waits", "the limit of the QOS is reached; it waits for your other jobs, or requests "
         "too much",
         _SHOW,
         "QOSMaxBBPerUser QOSMaxBillingPerUser QOSMaxCpuPerUserLimit QOSMaxEnergyPerUser "
         "QOSMaxGRESPerUser QOSMaxLicensePerUser QOSMaxMemoryPerUser QOSMaxNodePerUserLimit "
         "QOSMaxUnknownPerUser MaxBBRunMinsPerUser MaxBillingRunMinsPerUser MaxCpuRunMinsPerUser "
         "MaxEnergyRunMinsPerUser MaxGRESRunMinsPerUser MaxLicenseRunMinsPerUser "
         "MaxMemoryRunMinsPerUser MaxNodeRunMinsPerUser MaxUnknownRunMinsPerUser"),
    _row("waits", "the limit of the account is reached; it waits for its other jobs, or "
         "requests too much", _SHOW,
         "MaxBBPerAccount MaxBillingPerAccount MaxCpuPerAccount MaxEnergyPerAccount "
         "MaxGRESPerAccount MaxLicensePerAccount MaxMemoryPerAccount MaxNodePerAccount "
         "MaxUnknownPerAccount MaxBBRunMinsPerAccount MaxBillingRunMinsPerAccount "
         "MaxCpuRunMinsPerAccount MaxEnergyRunMinsPerAccount MaxGRESRunMinsPerAccount "
         "MaxLicenseRunMinsPerAccount MaxMemoryRunMinsPerAccount MaxNodeRunMinsPerAccount "
         "MaxUnknownRunMinsPerAccount"),
    _row("waits", "the account as a whole is at its limit; it waits for others", "",
         "AssocGrpBB AssocGrpBBRunMinutes AssocGrpBilling AssocGrpBillingRunMinutes "
         "AssocGrpCPURunMinutesLimit AssocGrpCpuLimit AssocGrpEnergy AssocGrpEnergyRunMinutes "
         "AssocGrpGRES AssocGrpGRESRunMinutes AssocGrpJobsLimit AssocGrpLicense "
         "AssocGrpLicenseRunMinutes AssocGrpMemLimit AssocGrpMemRunMinutes AssocGrpNodeLimit "
         "AssocGrpNodeRunMinutes AssocGrpUnknown AssocGrpUnknownRunMinutes"),
    _row("waits", "the QOS as a whole is at its limit; it waits for others", "",
         "QOSGrpBB QOSGrpBBRunMinutes QOSGrpBilling QOSGrpBillingRunMinutes "
         "QOSGrpCPURunMinutesLimit QOSGrpCpuLimit QOSGrpEnergy QOSGrpEnergyRunMinutes QOSGrpGRES "
         "QOSGrpGRESRunMinutes QOSGrpJobsLimit QOSGrpLicense QOSGrpLicenseRunMinutes "
         "QOSGrpMemLimit QOSGrpMemoryRunMinutes QOSGrpNodeLimit QOSGrpNodeRunMinutes "
         "QOSGrpUnknown QOSGrpUnknownRunMinutes"),
    # Past, present and future jobs together: what was used does not come back by itself.
    _row("waits", "the account has used up its limit", _GRANT,
         "AssocGrpBBMinutes AssocGrpBillingMinutes AssocGrpCPUMinutesLimit AssocGrpEnergyMinutes "
         "AssocGrpGRESMinutes AssocGrpLicenseMinutes AssocGrpMemMinutes AssocGrpNodeMinutes "
         "AssocGrpUnknownMinutes AssocGrpWallLimit"),
    _row("waits", "the QOS has used up its limit", _GRANT,
         "QOSGrpBBMinutes QOSGrpBillingMinutes QOSGrpCPUMinutesLimit QOSGrpEnergyMinutes "
         "QOSGrpGRESMinutes QOSGrpLicenseMinutes QOSGrpMemoryMinutes QOSGrpNodeMinutes "
         "QOSGrpUnknownMinutes QOSGrpWallLimit"),
    # One job alone: no other job's end lets it run.
    _row("never", _LESS.format("time"), "shorten walltime",
         "AssocMaxWallDurationPerJobLimit QOSMaxWallDurationPerJobLimit"),
    _row("never", "asks for more time than the partition allows", "shorten walltime",
         "PartitionTimeLimit"),
    _row("never", _LESS.format("cores"), "fewer cores",
         "AssocMaxCpuPerJobLimit AssocMaxCpuPerNode QOSMaxCpuPerJobLimit QOSMaxCpuPerNode"),
    _row("never", _LESS.format("cores times walltime"), "fewer cores, or a shorter walltime",
         "AssocMaxCpuMinutesPerJobLimit QOSMaxCpuMinutesPerJobLimit"),
    _row("never", _LESS.format("memory"), "less memory",
         "AssocMaxMemPerJob AssocMaxMemPerNode MaxMemPerLimit QOSMaxMemoryPerJob "
         "QOSMaxMemoryPerNode"),
    _row("never", _LESS.format("memory times walltime"), "less memory, or a shorter walltime",
         "AssocMaxMemMinutesPerJob QOSMaxMemoryMinutesPerJob"),
    _row("never", _LESS.format("nodes"), "fewer nodes",
         "AssocMaxNodePerJobLimit QOSMaxNodePerJobLimit"),
    _row("never", _LESS.format("nodes times walltime"), "fewer nodes, or a shorter walltime",
         "AssocMaxNodeMinutesPerJob QOSMaxNodeMinutesPerJob"),
    _row("never", _LESS.format("GPUs"), "fewer gpus",
         "AssocMaxGRESPerJob AssocMaxGRESPerNode QOSMaxGRESPerJob QOSMaxGRESPerNode"),
    _row("never", _LESS.format("GPUs times walltime"), "fewer gpus, or a shorter walltime",
         "AssocMaxGRESMinutesPerJob QOSMaxGRESMinutesPerJob"),
    _row("never", _LESS.format("in all (billing)"), "fewer cores, less memory or fewer gpus",
         "AssocMaxBillingPerJob AssocMaxBillingPerNode QOSMaxBillingPerJob QOSMaxBillingPerNode"),
    _row("never", _LESS.format("in all (billing times walltime)"),
         "a shorter walltime, fewer cores, less memory or fewer gpus",
         "AssocMaxBillingMinutesPerJob QOSMaxBillingMinutesPerJob"),
    _row("never", _LESS.format("of a resource"), f"ask for less; {_SHOW}",
         "AssocMaxBBMinutesPerJob AssocMaxBBPerJob AssocMaxBBPerNode AssocMaxEnergyMinutesPerJob "
         "AssocMaxEnergyPerJob AssocMaxEnergyPerNode AssocMaxLicenseMinutesPerJob "
         "AssocMaxLicensePerJob AssocMaxUnknownMinutesPerJob AssocMaxUnknownPerJob "
         "AssocMaxUnknownPerNode QOSMaxBBMinutesPerJob QOSMaxBBPerJob QOSMaxBBPerNode "
         "QOSMaxEnergyMinutesPerJob QOSMaxEnergyPerJob QOSMaxEnergyPerNode "
         "QOSMaxLicenseMinutesPerJob QOSMaxLicensePerJob QOSMaxUnknownMinutesPerJob "
         "QOSMaxUnknownPerJob QOSMaxUnknownPerNode"),
    _row("never", "asks for fewer cores than the QOS requires", "more cores, or another qos",
         "QOSMinCpuNotSatisfied"),
    _row("never", "asks for fewer GPUs than the QOS requires", "more gpus, or another qos",
         "QOSMinGRES"),
    _row("never", "asks for less memory than the QOS requires", "more memory, or another qos",
         "QOSMinMemory"),
    _row("never", "asks for fewer nodes than the QOS requires", "more nodes, or another qos",
         "QOSMinNode"),
    _row("never", "asks for less than the QOS requires", f"another qos; {_SHOW}",
         "QOSMinBB QOSMinBilling QOSMinEnergy QOSMinLicense QOSMinUnknown"),
    _row("never", "no node has what the job requests", "check constraint, gpus and memory",
         "BadConstraints"),
    _row("never", "requests more than the partition has, or less than it requires",
         "ask for less, or name another partition", "PartitionConfig"),
    _row("never", "asks for more nodes than the partition allows, or for fewer",
         "other nodes, or another partition", "PartitionNodeLimit"),
    _row("never", "the account is not valid", "correct account", "InvalidAccount"),
    _row("never", "the QOS is not valid", "correct qos", "InvalidQOS"),
    _row("never", "the partition does not take jobs of this account",
         "another account, or another partition", "AccountNotAllowed"),
    _row("never", "the partition does not take jobs of this QOS",
         "another qos, or another partition", "QOSNotAllowed"),
    _row("never", "the job it waits for failed", "cancel it", "DependencyNeverSatisfied"),
    _row("never", "its reservation is not valid", "correct it in extra_directives",
         "ReservationInvalid"),
    _row("never", "it cannot end before its deadline", "a later --deadline, or a shorter walltime",
         "DeadLine"),
    _row("held", "held by its owner", "to release it: scontrol release JOB", "JobHeldUser"),
    _row("held", "held by an administrator", "ask the site", "JobHeldAdmin"),
    _row("held", "held because it was put back into the queue too often", "ask the site",
         "JobHoldMaxRequeue"),
    _row("held", "held because its reservation was deleted",
         "scontrol release JOB, or ask the site", "ReservationDeleted"),
    # src/plugins/burst_buffer: with this reason comes priority 0.
    _row("held", "held because its files could not be copied with the burst buffer",
         "ask the site", "BurstBufferOperation"),
    _row("ended", "it could not be started on the node", "see its output, or ask the site",
         "JobLaunchFailure"),
    _row("ended", "its script ended with an error", "", "NonZeroExitCode"),
    _row("ended", "a signal ended it", "", "RaisedSignal"),
    _row("ended", "it ran to its time limit", "", "TimeLimit"),
    _row("ended", "it did nothing for longer than Slurm allows", "", "InactiveLimit"),
    _row("ended", "it used more memory than it asked for", "ask for more", "OutOfMemory"),
    _row("ended", "Slurm or the node failed", "", "SystemFailure"),
)  # fmt: skip
REASONS: dict[str, Row] = {name: row for row in ROWS for name in row.names}

# Names that Slurm builds from the limit that was met, of releases that are not listed.
_FAMILIES: tuple[tuple[str, Row], ...] = (
    (r"\w+Per(Job|Node)(Limit)?", Row("never", _LESS.format("of a resource"), _SHOW, ())),
    (r"QOSMin\w+", Row("never", "asks for less than the QOS requires", _SHOW, ())),
    (r"QOSMax\w+|AssocMax\w+|Max\w+Per(User|Account)",
     Row("waits", "a limit of yours is reached; it waits for your other jobs, or requests too much",
         _SHOW, ())),
    (r"QOSGrp\w+", Row("waits", "the QOS as a whole is at its limit; it waits for others", "", ())),
    (r"AssocGrp\w+",
     Row("waits", "the account as a whole is at its limit; it waits for others", "", ())),
    (r"(QOS|Assoc)[A-Z]\w+", Row("waits", "a limit of the account or QOS is reached", _SHOW, ())),
)  # fmt: skip
# Reasons in words of their own (state_desc in src/slurmctld): "launch failed requeued held", "job
# requeued in held state"; and of a group that the partition does not admit.
_HELD = re.compile(r"\bheld\b")
_NOT_ADMITTED = re.compile(r"\bnot in group permitted to use this partition\b")


def row_of(reason: str) -> Row | None:
    """Find what a reason means; details may follow its name behind a comma or a colon."""
    name = re.split(r"[,:]", reason, maxsplit=1)[0].strip()
    if name in REASONS:
        return REASONS[name]
    if " " in reason:
        if _HELD.search(reason):
            return Row("held", "held", "to release it: scontrol release JOB", ())
        if _NOT_ADMITTED.search(reason):
            return Row("never", "the partition does not take your jobs", "another partition", ())
        return None
    return next((row for pattern, row in _FAMILIES if re.fullmatch(pattern, name)), None)


def sentence(reason: str) -> str:
    """Say plainly what a reason means; one that is not listed stays as Slurm wrote it."""
    row = row_of(reason)
    if row is None:
        return reason
    said = "; ".join(filter(None, [row.words, row.change]))
    if row.kind == "never":
        who = "it " if row.words.startswith("asks") else ""
        said = f"it will never run: {who}{row.words}; {row.change}"
    plain = not row.names or len(row.names) > 1 or reason not in REASONS
    return f"{said} ({reason})" if plain else said
