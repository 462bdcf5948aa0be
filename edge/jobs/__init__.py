"""Many pictures: which files become which, what earlier runs have done, and who does the rest."""
