'sbatch' '--parsable' '-o' '/dev/null' '--begin=now+1hour' '--job-name=name with | pipe' 'sleep.sh'
