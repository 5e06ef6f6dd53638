'scontrol' 'release' '8'
