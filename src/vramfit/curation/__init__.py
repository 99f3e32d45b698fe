"""The curation room: ``data/*.yaml`` for people, checked and compiled into the one file that ``catalogue`` reads.

It runs when a wheel is built, when a checkout's data changed, when a user has files of their own, and for the people who
edit the data (``vramfit catalogue``); a check with a fresh catalogue never comes here. Pydantic and YAML live here alone.
"""
