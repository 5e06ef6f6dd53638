'sacct' '-X' '-P' '-n' '-o' 'JobID,State,ExitCode'
