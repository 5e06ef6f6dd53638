'sbatch' '--parsable' '--signal=B:NONSENSE@10' 'ok.sh'
