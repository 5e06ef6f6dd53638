######## roihu, target cpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=small
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=2G
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## roihu, target gpu
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=gpumedium
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=72
#SBATCH --gres=gpu:gh200:1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## roihu, target cpu-long
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=longrun
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=2G
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## roihu, target cpu-whole
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=medium
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=384
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## roihu, target cpu-big-memory
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=hugemem
#SBATCH --account=abc123
#SBATCH --time=01:00:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## roihu, target cpu-dev
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=test
#SBATCH --account=abc123
#SBATCH --time=00:15:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=8
#SBATCH --mem-per-cpu=2G
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"

######## roihu, target gpu-dev
#!/bin/bash
#SBATCH --job-name=p.20260101-000000-abcd.01
#SBATCH --comment=hpctrain:20260101-000000-abcd.01
#SBATCH --output=job-%j.out
#SBATCH --open-mode=append
#SBATCH --partition=gputest
#SBATCH --account=abc123
#SBATCH --time=00:15:00
#SBATCH --signal=B:USR1@60
#SBATCH --nodes=1
#SBATCH --ntasks=1
#SBATCH --cpus-per-task=72
#SBATCH --gres=gpu:gh200:1
# Job script of the run 20260101-000000-abcd, written by hpctrain VERSION. Its argument is the attempt.

# From here on, what fails ends the attempt with its reason.
. /project/runs/R/job/before.sh
cd /project/runs/R || exit 1
trap - ERR
exec /envs/pacemaker/bin/python job/train.py "${1:-1}"
