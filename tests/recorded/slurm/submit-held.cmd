'sbatch' '--parsable' '-o' '/dev/null' '--hold' '--job-name=held' '--comment=hpctrain:t3' 'sleep.sh'
