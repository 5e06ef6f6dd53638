'sbatch' '--parsable' '--dependency=afterany:x' 'ok.sh'
