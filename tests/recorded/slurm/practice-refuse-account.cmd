'sbatch' '--parsable' '-A' 'nobody' 'ok.sh'
