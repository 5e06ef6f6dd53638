'scancel'
