"""How people come in.

logging_in  by name and password, and out       inviting  by a link
passwords   which may be, and their hashes      names     which may be
arriving    from elsewhere, such as Prolific    visits    when such a visit is complete
"""
