'sbatch' '--parsable' '--exclusive=nonsense' 'ok.sh'
