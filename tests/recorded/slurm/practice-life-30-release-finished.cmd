'scontrol' 'release' '3'
