'sbatch' '--parsable' '-o' '/dev/null' 'killed.sh'
