'sbatch' '--test-only' '--cpus-per-task=9999' 'ok.sh'
