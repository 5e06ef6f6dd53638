'sbatch' '--parsable' '-N' '5' 'ok.sh'
