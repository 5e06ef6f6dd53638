'sbatch' '--parsable' '-o' '/dev/null' '--array=1-3' '-n2' '-t' '2:00:00' 'sleep.sh'
