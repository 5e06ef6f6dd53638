'sbatch' '--parsable' '--nodes=x' 'ok.sh'
