'scontrol' 'nonsense'
