'sbatch' '--parsable' '--mem=1G' '--mem-per-cpu=1G' 'ok.sh'
