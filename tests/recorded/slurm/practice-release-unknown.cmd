'scontrol' 'release' '99999'
