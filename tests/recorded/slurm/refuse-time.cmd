'sbatch' '--parsable' '--time=blah' 'ok.sh'
