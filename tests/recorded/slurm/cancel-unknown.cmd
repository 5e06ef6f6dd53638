'scancel' '99999'
