'sbatch' '--test-only' '--partition=nowhere' 'ok.sh'
