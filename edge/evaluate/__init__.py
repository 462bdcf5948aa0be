"""Scores on test pictures, the detail score, and time and memory."""
