'env' 'SLURM_CONF=/tmp/sl/c1/noacct.conf' 'sacct' '-X' '-P' '--noheader' '-o' 'JobID,State,ExitCode,ElapsedRaw,TimelimitRaw,JobName,Comment'
