'sacct' '-X' '-P' '--state=NONS'
