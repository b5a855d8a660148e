"""The page: views in Python, patches over one stream."""
