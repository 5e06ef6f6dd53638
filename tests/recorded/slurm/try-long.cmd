'sbatch' '--test-only' '--partition=short' '--time=01:00:00' 'ok.sh'
