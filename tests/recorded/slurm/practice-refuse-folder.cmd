'sbatch' '--parsable' '/tmp'
