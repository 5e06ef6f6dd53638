'sbatch' '--parsable' 'crlf.sh'
