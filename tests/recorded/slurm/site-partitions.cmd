'scontrol' '--oneliner' 'show' 'partition'
