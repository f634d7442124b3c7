"""Here so that what tests share, `made_tables` for one, is found by all below."""
