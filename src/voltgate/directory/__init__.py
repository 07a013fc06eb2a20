"""Who is who: the stations that are known, what they prove themselves by, and those that knock in vain."""
