'sbatch' '--parsable' '--qos=nosuch' 'ok.sh'
