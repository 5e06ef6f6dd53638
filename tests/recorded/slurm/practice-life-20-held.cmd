'sbatch' '--parsable' '-o' '/dev/null' '--hold' '--comment=held' 'ok.sh'
