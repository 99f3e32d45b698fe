"""The entries room: GPUs, models, schemes and engines as plain data, as ``list`` and ``show`` print them."""
