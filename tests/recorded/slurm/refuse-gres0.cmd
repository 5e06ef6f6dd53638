'sbatch' '--parsable' '--gres=gpu:0' 'ok.sh'
