'sbatch' '--parsable' '-o' '/dev/null' '--dependency=afternotok:3' 'ok.sh'
