"""The page: a server on this machine only, and what it computes for the browser (whose files: apps/page)."""
