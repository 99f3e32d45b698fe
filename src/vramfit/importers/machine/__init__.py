"""GPUs and memory of the machine that the program runs on, for ``--gpu auto`` and ``list gpus --here``.

Each source of facts has a module whose functions make records of the text of one command or file; ``find`` asks the
sources in order, and ``chosen`` turns what was found into deployment keys.
"""
