'sbatch' '--parsable' 'headtime.sh'
