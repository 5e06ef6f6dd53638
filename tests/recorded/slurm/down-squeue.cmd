'squeue' '--me' '--noheader'
