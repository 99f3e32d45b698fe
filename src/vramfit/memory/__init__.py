"""Parts of the estimate as pure functions: each module computes one part of the memory.

Engines combine them; no module here knows an engine by name.
---
"""
