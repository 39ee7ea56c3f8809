"""``python -m uniformer_mm`` is ``uniformer-mm``."""

import sys

from uniformer_mm_command import main

if __name__ == '__main__':
    sys.exit(main())
