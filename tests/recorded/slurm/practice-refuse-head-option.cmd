'sbatch' '--parsable' 'headbad.sh'
