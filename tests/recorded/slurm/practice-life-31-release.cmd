'scontrol' 'release' '20'
