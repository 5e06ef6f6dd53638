######## derecho, target shared-gpu
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q develop
#PBS -A abc123
#PBS -l select=1:ncpus=16:mpiprocs=1:ngpus=1:mem=100gb
#PBS -l walltime=01:00:00
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.


# PBS passes no arguments to a script, begins in the home folder, and keeps what is printed until
# the end: so the attempt comes in a variable, and the output goes where it can be followed. Nor
# does it tell when the job will be ended: what is left of the walltime is counted from here.
HPCTRAIN_BEGAN=$(date +%s)
export HPCTRAIN_BEGAN
set -- "${1:-${HPCTRAIN_ATTEMPT:-1}}"
cd /project/runs/R || exit 1
exec >>job-"${PBS_JOBID:-by-hand}".out 2>&1
# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## derecho, target shared-cpu
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q develop
#PBS -A abc123
#PBS -l select=1:ncpus=8:mpiprocs=1:mem=16gb
#PBS -l walltime=01:00:00
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.


# PBS passes no arguments to a script, begins in the home folder, and keeps what is printed until
# the end: so the attempt comes in a variable, and the output goes where it can be followed. Nor
# does it tell when the job will be ended: what is left of the walltime is counted from here.
HPCTRAIN_BEGAN=$(date +%s)
export HPCTRAIN_BEGAN
set -- "${1:-${HPCTRAIN_ATTEMPT:-1}}"
cd /project/runs/R || exit 1
exec >>job-"${PBS_JOBID:-by-hand}".out 2>&1
# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## derecho, target gpu
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q main
#PBS -A abc123
#PBS -l select=1:ncpus=64:mpiprocs=1:ngpus=1:mem=480gb
#PBS -l walltime=01:00:00
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.


# PBS passes no arguments to a script, begins in the home folder, and keeps what is printed until
# the end: so the attempt comes in a variable, and the output goes where it can be followed. Nor
# does it tell when the job will be ended: what is left of the walltime is counted from here.
HPCTRAIN_BEGAN=$(date +%s)
export HPCTRAIN_BEGAN
set -- "${1:-${HPCTRAIN_ATTEMPT:-1}}"
cd /project/runs/R || exit 1
exec >>job-"${PBS_JOBID:-by-hand}".out 2>&1
# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## derecho, target cpu
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q main
#PBS -A abc123
#PBS -l select=1:ncpus=128:mpiprocs=1:mem=235gb:ompthreads=128
#PBS -l walltime=01:00:00
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.


# PBS passes no arguments to a script, begins in the home folder, and keeps what is printed until
# the end: so the attempt comes in a variable, and the output goes where it can be followed. Nor
# does it tell when the job will be ended: what is left of the walltime is counted from here.
HPCTRAIN_BEGAN=$(date +%s)
export HPCTRAIN_BEGAN
set -- "${1:-${HPCTRAIN_ATTEMPT:-1}}"
cd /project/runs/R || exit 1
exec >>job-"${PBS_JOBID:-by-hand}".out 2>&1
# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## derecho, target preempt
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q preempt
#PBS -A abc123
#PBS -l select=1:ncpus=8:mpiprocs=1:mem=16gb
#PBS -l walltime=01:00:00
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.


# PBS passes no arguments to a script, begins in the home folder, and keeps what is printed until
# the end: so the attempt comes in a variable, and the output goes where it can be followed. Nor
# does it tell when the job will be ended: what is left of the walltime is counted from here.
HPCTRAIN_BEGAN=$(date +%s)
export HPCTRAIN_BEGAN
set -- "${1:-${HPCTRAIN_ATTEMPT:-1}}"
cd /project/runs/R || exit 1
exec >>job-"${PBS_JOBID:-by-hand}".out 2>&1
# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"
