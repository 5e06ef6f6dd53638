'sacct' '-X' '-P' $'--delimiter=\037' '--noheader' '--starttime' '2026-11-23T00:00:00' '-o' 'JobID,State,ExitCode,ElapsedRaw,TimelimitRaw,JobName,Comment'
