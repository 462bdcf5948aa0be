"""Drawn user interfaces to train on: as large screens show them, and as small ones do."""
