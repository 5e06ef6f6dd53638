'sbatch' '--parsable' '--gres=gpu:h100:1' 'ok.sh'
