'sbatch' '--parsable' '-c' '4' '--mem-per-cpu=8G' 'ok.sh'
