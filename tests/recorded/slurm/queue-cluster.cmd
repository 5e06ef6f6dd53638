'sbatch' '--parsable' '-M' 'throwaway' '-o' '/dev/null' 'ok.sh'
