'scontrol' 'hold' '7'
