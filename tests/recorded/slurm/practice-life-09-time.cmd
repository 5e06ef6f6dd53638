'sbatch' '--parsable' '-p' 'short' '--time=2-00:00:00' 'ok.sh'
