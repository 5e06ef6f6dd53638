'sbatch' '-o' '/dev/null' 'ok.sh'
