'sbatch' '--parsable' '--gres=gpu:x' 'ok.sh'
