######## bunya, target cpu
#!/bin/bash -l
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=general
#SBATCH --qos=normal
#SBATCH --account=a_group
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## bunya, target gpu
#!/bin/bash -l
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=gpu_cuda
#SBATCH --qos=gpu
#SBATCH --account=a_group
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --gres=gpu:h100:1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## bunya, target gpu-amd
#!/bin/bash -l
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=gpu_rocm
#SBATCH --qos=gpu
#SBATCH --account=a_group
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
#SBATCH --gres=gpu:h100:1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## bunya, target short
#!/bin/bash -l
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=general
#SBATCH --qos=short
#SBATCH --account=a_group
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## bunya, target dev
#!/bin/bash -l
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=general
#SBATCH --qos=debug
#SBATCH --account=a_group
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem=16G
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"
