'sbatch' '--parsable' '-o' '/dev/null' '--job-name=fails' '--comment=hpctrain:t2' 'fail.sh'
