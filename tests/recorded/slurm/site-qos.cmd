'sacctmgr' '--noheader' '--parsable2' 'show' 'qos' 'format=Name,MaxWall'
