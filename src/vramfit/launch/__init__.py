"""Launch commands in both directions: an engine's tables of flags, and the code that writes and reads by them.

``program`` has the records an engine declares its command lines with, ``write`` makes words of values, ``read`` makes
values of words, ``shell`` quotes. No engine is named here: each has its tables in its own folder.
"""
