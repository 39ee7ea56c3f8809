"""Build steps that setup.cfg can't express.

The configs travel in the wheel: ``mim`` looks for them, and for
``model-index.yml``, in ``<package>/.mim``. And an editable install holds
copies of the modules that its metadata names.
"""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

ROOT = Path(__file__).parent
MIM_FILES = [
    ROOT / 'model-index.yml',
    *sorted(
        path
        for path in (ROOT / 'configs').rglob('*')
        if path.suffix in ('.csv', '.md', '.py', '.yml')
    ),
]
# torch calls the first in every process and cannot be imported if it is
# missing, so it must outlive a checkout that is moved or deleted.
ENTRY_POINTS = [
    ROOT / 'uniformer_mm_autoload.py',
    ROOT / 'uniformer_mm_command.py',
]


class BuildWithCopies(build_py):
    """``build_py`` that copies the configs, or the entry points' modules."""

    def copies(self):
        """Pairs (source, target) of the copied files."""
        if self.editable_mode:  # the configs are read where they are
            # What is written here goes to site-packages and to RECORD.
            target = Path(self.get_finalized_command('install').install_lib)
            return [(src, target / src.name) for src in ENTRY_POINTS]
        target = Path(self.build_lib, 'uniformer_mm', '.mim')
        return [(src, target / src.relative_to(ROOT)) for src in MIM_FILES]

    def run(self):
        """Build the modules, then add the copies."""
        super().run()
        for source, target in self.copies():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode=1):
        """Name the copied files too, so that uninstalling removes them."""
        copied = [str(target) for _, target in self.copies()]
        return super().get_outputs(include_bytecode) + copied


setup(cmdclass={'build_py': BuildWithCopies})
