'sbatch' '--parsable' '-o' '/dev/null' '--dependency=afterok:3' 'ok.sh'
