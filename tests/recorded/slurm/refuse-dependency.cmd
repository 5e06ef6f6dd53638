'sbatch' '--parsable' '--dependency=after:x' 'ok.sh'
