'scancel' 'abc'
