'scancel' '7' '8'
