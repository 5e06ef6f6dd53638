'env' 'SLURM_CONF=/none/slurm.conf' 'squeue' '--me' '-h'
