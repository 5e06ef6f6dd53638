'scontrol' 'requeue' '8'
