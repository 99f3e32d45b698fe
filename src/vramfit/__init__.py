"""Will this model fit this GPU, by how much, and if not, what would make it fit?"""

__version__ = "0.1.0"
