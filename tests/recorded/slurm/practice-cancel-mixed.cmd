'scancel' 'abc' '3'
