'sbatch' '--parsable' '-o' '/dev/null' 'sig.sh'
