'sbatch' '--parsable' 'empty.sh'
