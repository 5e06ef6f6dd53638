'squeue' '--me' '--noheader' '--states=all' $'--format=%i\037%T\037%r\037%M\037%l\037%j\037%k'
