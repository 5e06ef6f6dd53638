'sbatch' '--parsable' '--time'
