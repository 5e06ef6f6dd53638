'sbatch' '--parsable' '--mail-type=WHENEVER' 'ok.sh'
