'sbatch' '--parsable' '--nonsense=1' 'ok.sh'
