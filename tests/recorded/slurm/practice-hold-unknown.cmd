'scontrol' 'hold' '99999'
