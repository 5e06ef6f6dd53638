'sbatch' '--parsable' '--gres=gpu:3' 'ok.sh'
