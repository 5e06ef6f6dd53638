'scontrol' 'show' 'config'
