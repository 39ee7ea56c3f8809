"""Entry point of ``uniformer-mm``, beside the package.

``doctor`` must say what is wrong where ``import uniformer_mm`` fails, for want
of torch or of anything else. So nothing is imported here but the standard
library, and for ``doctor`` the package is made known without running its
``__init__``.
"""

from __future__ import annotations

import sys
from importlib.util import find_spec
from types import ModuleType

PACKAGE = 'uniformer_mm'


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if sys.argv[1:2] == ['doctor'] and PACKAGE not in sys.modules:
        spec = find_spec(PACKAGE)
        assert spec is not None, 'this module is installed with the package'
        bare = ModuleType(PACKAGE)
        bare.__path__ = list(spec.submodule_search_locations or ())
        sys.modules[PACKAGE] = bare
    from uniformer_mm.cli.main import main as run

    return run()
