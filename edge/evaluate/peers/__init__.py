"""Other inference engines on the same weights, for ``bench --peers``."""
