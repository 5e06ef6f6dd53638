'sbatch' '--parsable' 'none.sh'
