######## rorqual, target cpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --cpus-per-task=8
#SBATCH --mem=30G
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## rorqual, target gpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --cpus-per-task=8
#SBATCH --mem=30G
#SBATCH --gpus-per-node=h100:1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"
