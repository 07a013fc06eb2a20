"""The migrations: how the tables came to be what they are.

A script may say `oldest = "…"`, the oldest revision whose programs can work with the tables as it leaves them, and
`contracts = True` if it does no more than remove what the program of its version does not use: see `store.schema`. One
that adds a table, or a column that may be null or has a default of the database's, leaves all programs working.
"""
