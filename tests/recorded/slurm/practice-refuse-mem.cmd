'sbatch' '--parsable' '--mem=x' 'ok.sh'
