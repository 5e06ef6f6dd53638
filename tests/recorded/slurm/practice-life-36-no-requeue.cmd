'sbatch' '--parsable' '-o' '/dev/null' '--no-requeue' '-J' 'norq' 'sleep.sh'
