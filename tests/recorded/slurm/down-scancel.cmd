'scancel' '3'
