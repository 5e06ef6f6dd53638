'sbatch' '--parsable' '-c' '999' 'ok.sh'
