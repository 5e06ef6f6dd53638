'sacctmgr' '--noheader' '--parsable2' 'show' 'associations' 'user=root' 'cluster=throwaway' 'format=Account,QOS'
