"""Here so that what tests share, `made_tables` and `plugin_allocators`, is found by all below."""
