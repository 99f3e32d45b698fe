"""What is asked of a model: the deployment keys of the contract, and the ``Workload`` they make.

``keys`` says how a key is declared, read and filled in; ``common`` and ``training`` declare those that no single engine
owns. The engines' own stand in their folders, and ``engines.keys`` has them all together.
"""

from vramfit.workload.common import CACHE_TYPES, CLASSES, Workload
from vramfit.workload.keys import Form, Group, Key, parse_value
from vramfit.workload.training import TASKS, Training

__all__ = ["CACHE_TYPES", "CLASSES", "TASKS", "Form", "Group", "Key", "Training", "Workload", "parse_value"]
