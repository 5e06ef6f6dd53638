'scontrol' 'requeue' '27'
