'scontrol' 'requeue' '99999'
