"""Entry point of ``uniformer-mm``, beside the package.

``doctor`` must say what is wrong where ``import uniformer_mm`` fails, for want
of torch or of anything else. So nothing is imported here but the standard
library and what is installed with this module, and for ``doctor`` the package
is made known without running its ``__init__``. An editable install holds a
copy of this module (see setup.py), which is there when the checkout is not.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec

from uniformer_mm_autoload import GONE, package_spec

PACKAGE = 'uniformer_mm'


def main() -> int:
    """Run the command line of this process and return its exit code."""
    if PACKAGE not in sys.modules:
        try:
            spec, reason = package_spec(), ''
        except OSError as error:
            spec, reason = None, f' ({error})'
        if spec is None:
            sys.stderr.write(f'uniformer-mm: {GONE}{reason}\n')
            return 1
        if sys.argv[1:2] == ['doctor']:
            sys.modules[PACKAGE] = module_from_spec(spec)
    from uniformer_mm.cli.main import main as run

    return run()
