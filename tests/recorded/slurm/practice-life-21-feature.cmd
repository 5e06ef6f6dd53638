'sbatch' '--parsable' '-o' '/dev/null' '-C' 'gpu' 'ok.sh'
