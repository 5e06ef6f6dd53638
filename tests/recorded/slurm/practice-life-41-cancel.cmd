'scancel' '27'
