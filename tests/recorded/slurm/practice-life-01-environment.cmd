'sbatch' '--parsable' '-c' '2' '--gres=gpu:1' '--mem=1G' 'env.sh' '1' 'a'
