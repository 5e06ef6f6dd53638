'squeue' '--nonsense'
