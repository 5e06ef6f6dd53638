'squeue' '-h' '-j' '1'
