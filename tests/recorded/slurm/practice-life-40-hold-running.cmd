'scontrol' 'hold' '27'
