"""A stack as a whole: started, checked, stopped."""
