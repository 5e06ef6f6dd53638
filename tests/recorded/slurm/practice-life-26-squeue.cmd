'squeue'
