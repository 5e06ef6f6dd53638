'sbatch' '--parsable' '-o' '/dev/null' '-p' 'short' '-t' '20' 'sleep.sh'
