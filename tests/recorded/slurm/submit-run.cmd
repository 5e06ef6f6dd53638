'sbatch' '--parsable' '-o' '/dev/null' '--comment=hpctrain:t7' '--job-name=runs' '--gres=gpu:a100:1' 'sleep.sh'
