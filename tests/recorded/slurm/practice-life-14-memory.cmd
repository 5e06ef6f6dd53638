'sbatch' '--parsable' '--mem=900T' 'ok.sh'
