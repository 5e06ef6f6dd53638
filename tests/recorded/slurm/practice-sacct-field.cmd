'sacct' '-X' '-P' '-o' 'JobID,Nonsense'
