'sbatch' '--parsable' '-o' '/dev/null' '--dependency=afterok:6' 'ok.sh'
