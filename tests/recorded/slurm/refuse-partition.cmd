'sbatch' '--parsable' '-p' 'nowhere' 'ok.sh'
