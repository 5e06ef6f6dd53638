'scontrol' 'hold' '8'
