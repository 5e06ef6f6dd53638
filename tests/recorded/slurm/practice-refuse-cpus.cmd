'sbatch' '--parsable' '--cpus-per-task=0' 'ok.sh'
