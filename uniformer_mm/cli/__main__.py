"""``python -m uniformer_mm.cli`` is ``uniformer-mm``."""

import sys

from uniformer_mm_command import main

sys.exit(main())
