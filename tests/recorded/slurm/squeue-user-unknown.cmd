'squeue' '-u' 'nosuchuser' '-h'
