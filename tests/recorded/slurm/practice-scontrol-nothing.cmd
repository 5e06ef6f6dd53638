'scontrol' 'release'
