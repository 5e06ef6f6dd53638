'sbatch' '--parsable' '--gpus=3' 'ok.sh'
