######## stampede3, target cpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=skx
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=48
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## stampede3, target cpu-icx
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=icx
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=80
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## stampede3, target cpu-spr
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=spr
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=112
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## stampede3, target gpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=h100
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=96
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## stampede3, target gpu-intel
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=pvc
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## stampede3, target dev
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=skx-dev
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"
