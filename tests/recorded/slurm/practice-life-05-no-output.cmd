'sbatch' '--parsable' '-o' '/nonexist/%j.out' 'ok.sh'
