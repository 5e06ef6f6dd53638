'sacct' '-X' '-P' '-S' 'nonsense'
