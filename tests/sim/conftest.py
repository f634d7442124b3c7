"""Here so that what tests share, as `studies` and `plugin_allocators`, is found by all below."""
