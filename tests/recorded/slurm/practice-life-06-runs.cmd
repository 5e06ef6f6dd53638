'sbatch' '--parsable' '-o' '/dev/null' '--time=00:00:05' '--comment=tl' 'sleep.sh'
