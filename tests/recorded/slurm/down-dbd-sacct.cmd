'sacct' '-X' '-P' '--noheader' '-o' 'JobID,State,ExitCode,ElapsedRaw,TimelimitRaw,JobName,Comment'
