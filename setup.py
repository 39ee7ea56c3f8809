"""Build step that setup.cfg can't express: the configs travel in the wheel.

``mim`` looks for them, and for ``model-index.yml``, in ``<package>/.mim``.
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
        if path.suffix in ('.py', '.yml', '.md')
    ),
]


class BuildWithConfigs(build_py):
    """``build_py`` that also copies configs to ``uniformer_mm/.mim``."""

    def mim_outputs(self):
        """Pairs (source, target) of the copied files."""
        if self.editable_mode:  # they are read where they are
            return []
        target = Path(self.build_lib, 'uniformer_mm', '.mim')
        return [(src, target / src.relative_to(ROOT)) for src in MIM_FILES]

    def run(self):
        """Build the modules, then add the configs."""
        super().run()
        for source, target in self.mim_outputs():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)

    def get_outputs(self, include_bytecode=1):
        """Name the copied files too, so that uninstalling removes them."""
        copied = [str(target) for _, target in self.mim_outputs()]
        return super().get_outputs(include_bytecode) + copied


setup(cmdclass={'build_py': BuildWithConfigs})
