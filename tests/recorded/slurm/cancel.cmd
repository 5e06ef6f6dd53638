'scancel' '3' '4'
