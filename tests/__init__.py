"""The tests of vramfit; they mirror ``src/vramfit``."""
