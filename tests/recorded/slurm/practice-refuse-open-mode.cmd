'sbatch' '--parsable' '--open-mode=x' 'ok.sh'
