######## aspire2a, target cpu
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q normal
#PBS -A abc123
#PBS -l select=1:ncpus=8:mem=16gb
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

######## aspire2a, target gpu
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q normal
#PBS -A abc123
#PBS -l select=1:ncpus=8:ngpus=1:mem=16gb
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

######## aspire2a, target gpu-ai
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q ai
#PBS -A abc123
#PBS -l select=1:ncpus=8:ngpus=1:mem=16gb
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

######## aspire2a, target gpu-ai-long
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q ai
#PBS -A abc123
#PBS -l select=1:ncpus=8:ngpus=1:mem=16gb
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

######## aspire2a, target cpu-long
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q normal
#PBS -A abc123
#PBS -l select=1:ncpus=8:mem=16gb
#PBS -l walltime=24:00:00
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
