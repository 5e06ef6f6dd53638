'sbatch' '--parsable' '--gpus=2' '--mem-per-gpu=10G' 'ok.sh'
