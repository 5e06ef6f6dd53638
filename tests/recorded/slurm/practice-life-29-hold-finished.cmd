'scontrol' 'hold' '3'
