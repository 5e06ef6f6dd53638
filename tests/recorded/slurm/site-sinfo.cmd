'sinfo' '--noheader' '--exact' '--format=%P|%D|%c|%m|%G|%f'
