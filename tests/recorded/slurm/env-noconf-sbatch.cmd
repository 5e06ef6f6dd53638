'env' 'SLURM_CONF=/none/slurm.conf' 'sbatch' '--parsable' 'ok.sh'
