'sbatch' '--test-only' '--gres=gpu:h100:1' 'ok.sh'
