'sbatch' '--parsable' '-o' '/dev/null' '--dependency=afterok:99999' 'ok.sh'
