'scancel' '1'
