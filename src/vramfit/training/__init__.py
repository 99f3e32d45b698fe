"""Memory of fine-tuning: what a step of training keeps on each GPU and in the host's memory.

``network`` has the widths of a model that training needs, ``states`` what is kept from step to step, ``activations`` what
a step adds, and ``memory`` the moments of a step, of which the largest is the peak. ``trainers`` has a profile of each
program that trains. Everything here is a pure function of a checkpoint, a workload and the room on each GPU.
"""
