'sbatch' '--parsable' 'ok.sh'
