'sbatch' '--parsable' 'noshebang.sh'
