"""Back ends: how a program is exported, loaded and read, a folder each."""
