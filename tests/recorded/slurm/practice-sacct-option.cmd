'sacct' '--nonsense'
