"""Writing of a report: one module per format, each reading the plain-data report and nothing else.

``json`` writes values, ``plain``, ``csv`` and ``markdown`` have ``lines(report) -> Iterator[str]``, text without line
ends, and ``table`` draws for a terminal. ``report["estimates"]`` may be a generator: ``plain`` and ``csv`` then give
each line as soon as its estimate is ready.
"""
