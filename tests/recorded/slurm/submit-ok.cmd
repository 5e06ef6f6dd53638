'sbatch' '--parsable' '-o' '/dev/null' '--job-name=al-ace' '--comment=hpctrain:t1, a|b c é "q"' 'ok.sh'
