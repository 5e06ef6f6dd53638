'sbatch' '--parsable' '-o' '/dev/null' '--comment=c:t' 'fail.sh'
