"""Training by a recipe: the loop, and the degradation of its patches."""
