'sbatch' '--parsable' '--gpus=h100:1' 'ok.sh'
