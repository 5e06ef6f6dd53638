'sbatch' '--parsable' '-o' '/dev/null' '--dependency=afterok:6,afterany:3' '--hold' 'ok.sh'
