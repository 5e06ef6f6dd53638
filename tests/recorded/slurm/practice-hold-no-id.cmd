'scontrol' 'hold' 'abc'
