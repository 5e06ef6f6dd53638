######## archer2, target cpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=standard
#SBATCH --qos=standard
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=128
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cd /project/runs/R || exit 1
trap - ERR
exec srun --distribution=block:block --hint=nomultithread /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## archer2, target cpu-long
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=standard
#SBATCH --qos=long
#SBATCH --account=abc123
#SBATCH --time=24:00:00
#SBATCH --signal=USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=128
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cd /project/runs/R || exit 1
trap - ERR
exec srun --distribution=block:block --hint=nomultithread /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## archer2, target gpu-shared
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=gpu
#SBATCH --qos=gpu-shd
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --gpus=1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cd /project/runs/R || exit 1
trap - ERR
exec srun --distribution=block:block --hint=nomultithread /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## archer2, target gpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=gpu
#SBATCH --qos=gpu-exc
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=32
#SBATCH --gpus=1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cd /project/runs/R || exit 1
trap - ERR
exec srun --distribution=block:block --hint=nomultithread /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## archer2, target cpu-small
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=serial
#SBATCH --qos=serial
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cd /project/runs/R || exit 1
trap - ERR
exec srun --distribution=block:block --hint=nomultithread /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## archer2, target cpu-big-memory
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=highmem
#SBATCH --qos=highmem
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=128
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cd /project/runs/R || exit 1
trap - ERR
exec srun --distribution=block:block --hint=nomultithread /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## archer2, target dev
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=standard
#SBATCH --qos=short
#SBATCH --account=abc123
#SBATCH --time=00:20:00
#SBATCH --signal=USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=128
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
export SRUN_CPUS_PER_TASK=$SLURM_CPUS_PER_TASK
cd /project/runs/R || exit 1
trap - ERR
exec srun --distribution=block:block --hint=nomultithread /envs/pacemaker/bin/python job/train.py "${1:-1}"
