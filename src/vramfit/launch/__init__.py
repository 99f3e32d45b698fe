"""Launch commands in both directions: code that writes and reads them by an engine's tables of flags.

``program`` has the records an engine declares its command lines with, ``write`` makes words of values, ``read`` makes
values of words, ``shell`` quotes. No engine is named here: each has its tables in its own folder.
"""
