'scancel' '26'
