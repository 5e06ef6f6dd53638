'sbatch' '--parsable' '--ntasks=x' 'ok.sh'
