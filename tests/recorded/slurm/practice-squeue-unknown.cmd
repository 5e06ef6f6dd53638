'squeue' '-h' '-j' '99999'
