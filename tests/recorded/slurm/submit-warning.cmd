'sbatch' '--parsable' '-o' '/dev/null' '-n' '1' '-N' '2-3' '--ntasks-per-node=2' '--job-name=warn' 'sleep.sh'
