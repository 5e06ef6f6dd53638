'sbatch' '--parsable' '-Z' 'ok.sh'
