"""LIIF-EDSR: the network as published, and the forms of it that programs have."""
