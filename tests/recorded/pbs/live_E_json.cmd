qstat -E -x -f -F json 2.pbs1 99999 3.pbs1 6.pbs1 24.pbs1
