######## polaris, target gpu-long
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q capacity
#PBS -A abc123
#PBS -l select=1:system=polaris
#PBS -l place=scatter
#PBS -l walltime=01:00:00
#PBS -l filesystems=home:eagle
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
export http_proxy=http://proxy.alcf.anl.gov:3128
export https_proxy=http://proxy.alcf.anl.gov:3128
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## polaris, target gpu-preempt
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q preemptable
#PBS -A abc123
#PBS -l select=1:system=polaris
#PBS -l place=scatter
#PBS -l walltime=01:00:00
#PBS -l filesystems=home:eagle
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
export http_proxy=http://proxy.alcf.anl.gov:3128
export https_proxy=http://proxy.alcf.anl.gov:3128
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## polaris, target dev
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q debug
#PBS -A abc123
#PBS -l select=1:system=polaris
#PBS -l place=scatter
#PBS -l walltime=01:00:00
#PBS -l filesystems=home:eagle
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
export http_proxy=http://proxy.alcf.anl.gov:3128
export https_proxy=http://proxy.alcf.anl.gov:3128
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## polaris, target dev-scaling
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q debug-scaling
#PBS -A abc123
#PBS -l select=1:system=polaris
#PBS -l place=scatter
#PBS -l walltime=01:00:00
#PBS -l filesystems=home:eagle
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
export http_proxy=http://proxy.alcf.anl.gov:3128
export https_proxy=http://proxy.alcf.anl.gov:3128
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## polaris, target gpu-big
#!/bin/bash
#PBS -S /bin/bash
#PBS -j oe
#PBS -r n
#PBS -q prod
#PBS -A abc123
#PBS -l select=10:ncpus=1:mpiprocs=1:system=polaris
#PBS -l place=scatter
#PBS -l walltime=01:00:00
#PBS -l filesystems=home:eagle
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
export http_proxy=http://proxy.alcf.anl.gov:3128
export https_proxy=http://proxy.alcf.anl.gov:3128
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"
