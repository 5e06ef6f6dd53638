'sbatch' '--parsable' '--dependency=nonsense:1' 'ok.sh'
