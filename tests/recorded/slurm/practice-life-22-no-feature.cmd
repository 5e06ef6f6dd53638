'sbatch' '--parsable' '-C' 'nosuch' 'ok.sh'
