"""``python -m uniformer_mm.cli`` is ``uniformer-mm``."""

import sys

from uniformer_mm.cli.main import main

sys.exit(main())
