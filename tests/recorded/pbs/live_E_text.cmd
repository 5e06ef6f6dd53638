qstat -x -f 2.pbs1 3.pbs1 6.pbs1 24.pbs1
