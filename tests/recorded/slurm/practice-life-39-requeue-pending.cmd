'scontrol' 'requeue' '7'
