'sbatch' '--parsable' '--gpus=x' 'ok.sh'
