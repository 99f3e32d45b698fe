"""Writing of a report: one module per format, each reading the plain-data report and nothing else.

``plain``, ``csv`` and ``markdown`` have ``lines(report) -> Iterator[str]``, text without line ends; their
``report["estimates"]`` may be a generator, and ``plain`` and ``csv`` then give each line as soon as its estimate is ready.
``json`` writes documents and their lines, and ``table`` draws for a terminal.
"""
