######## frontier, target gpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=batch
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --cpus-per-task=7
#SBATCH --gpus-per-node=1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export http_proxy=http://proxy.ccs.ornl.gov:3128/
export https_proxy=http://proxy.ccs.ornl.gov:3128/
export no_proxy='localhost,127.0.0.0/8,*.ccs.ornl.gov'
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## frontier, target gpu-long
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=extended
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --cpus-per-task=7
#SBATCH --gpus-per-node=1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export http_proxy=http://proxy.ccs.ornl.gov:3128/
export https_proxy=http://proxy.ccs.ornl.gov:3128/
export no_proxy='localhost,127.0.0.0/8,*.ccs.ornl.gov'
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## frontier, target dev
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=batch
#SBATCH --qos=debug
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --cpus-per-task=7
#SBATCH --gpus-per-node=1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export http_proxy=http://proxy.ccs.ornl.gov:3128/
export https_proxy=http://proxy.ccs.ornl.gov:3128/
export no_proxy='localhost,127.0.0.0/8,*.ccs.ornl.gov'
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"
