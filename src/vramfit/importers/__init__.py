"""Models that are not in the catalogue, read from what describes them: headers and configs.

Nothing here runs code of a model or reads its weights, only what stands in front of them.
"""
