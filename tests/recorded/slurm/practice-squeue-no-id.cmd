'squeue' '-h' '-j' 'abc'
