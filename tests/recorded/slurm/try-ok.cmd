'sbatch' '--test-only' '--time=00:05:00' 'ok.sh'
