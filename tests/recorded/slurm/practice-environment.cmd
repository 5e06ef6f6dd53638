'bash' 'env.sh' '1' 'a'
