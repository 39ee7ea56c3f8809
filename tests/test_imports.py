"""What each file of the package may import, and that the documents say so."""

from __future__ import annotations

import ast
import graphlib
import sys
from functools import cache

import pytest

from tools import module_table
from tools.generated import filled

HOSTS = {'mmdet', 'mmseg', 'mmpose', 'mmaction', 'mmpretrain', 'mmcv'}
# File or folder -> what of ours it may import, at module level or later; the
# longest name that fits a file counts, and what is allowed is used.
ALLOWED = {
    '__init__': {
        'backbones',
        'deployed',
        'doctor.advice',
        'exporting.export',
        'compiled',
        'hub',
        'predict.loading',
        'pretrained',
        'swap',
        'weights.load',
    },
    '__main__': set(),
    'analysis': {'analysis', 'hosts'},
    'backbones': {
        'backbones',
        'hub_model',
        'models',
        'pretrained',
        'registry',
    },
    'checks': set(),
    'cli': {
        'analysis',
        'backbones',
        'checks',
        'cli',
        'configs',
        'data_checks',
        'doctor',
        'engine.reproduce',
        'engine.data_checking',
        'exporting',
        'hosts',
        'memory',
        'own_data',
        'predict',
        'runtimes',
        'serve',
        'swap',
        'toy_data',
        'verify',
        'view',
        'weights',
    },
    'compat': {'compat', 'doctor.breakages', 'doctor.installation'},
    'compat.roi_align_cpu': {'fast.path', 'fast.rules'},
    'compiled': {'compiled', 'fast'},
    'configs': set(),
    'data_checks': {'data_checks', 'predict.pictures'},
    'deployed': {'deployed', 'fast', 'models'},
    'doctor': {'compat.missing_ops', 'doctor', 'hosts'},
    'doctor.advice': {'doctor'},
    'doctor.breakage': {'doctor', 'undeclared'},
    'doctor.breakages': {'doctor', 'undeclared'},
    'doctor.installation': {'doctor.releases', 'undeclared'},
    'doctor.probe': set(),
    'doctor.releases': set(),
    'engine': {
        'checks',
        'data_checks',
        'engine',
        'compiled',
        'memory',
        'registry',
        'weights.reading',
    },
    'exporting': {
        'checks',
        'configs',
        'deployed',
        'exporting',
        'hosts',
        'models',
        'predict',
        'runtimes',
        'weights.files',
    },
    'engine.fsdp': {'engine.processes', 'models.blocks', 'registry'},
    'engine.plain_batch': {'weights.storages'},
    'engine.reproduce': {'engine', 'predict.stored_config', 'weights.reading'},
    'fast': {'fast'},
    'fast.forms': {'fast.rules'},
    'fast.kinds': {'fast.path'},
    'fast.leaves': {'fast.rules'},
    'fast.path': {'fast.forms', 'fast.leaves', 'fast.rules'},
    'fast.processor': set(),
    'fast.rules': set(),
    'heads': {
        'backbones.init_cfg',
        'checks',
        'heads',
        'hosts',
        'registry',
    },
    'hosts': {'doctor.advice', 'undeclared'},
    'hub': {'hosts', 'model_card', 'models', 'portable', 'weights'},
    'hub_model': {'hub'},
    'memory': set(),
    'model_card': {'configs', 'models', 'weights'},
    'models': {'checks', 'models'},
    'models.arguments': {'checks'},
    'models.attention': {'fast.path'},
    'models.backbone': {'checks', 'fast.path', 'models'},
    'models.blocks': {'fast.path', 'models.attention', 'models.layers'},
    'models.form': set(),
    'models.initialization': set(),
    'models.layers': {'fast.path'},
    'models.light_blocks': {'fast.path', 'models'},
    'models.recompute': {'fast.path'},
    'models.specs': {'checks'},
    'models.stages': {'models.blocks', 'models.layers', 'models.specs'},
    'necks': {'backbones.init_cfg', 'checks', 'necks', 'registry'},
    'own_data': {
        'checks',
        'configs',
        'data_checks.shapes',
        'hosts',
        'own_data',
        'predict.video',
    },
    'portable': {'checks', 'hub_model', 'models', 'portable', 'weights'},
    'predict': {
        'checks',
        'configs',
        'hosts',
        'predict',
        'runtimes',
        'weights',
    },
    'pretrained': {'deployed', 'models', 'weights'},
    'registry': set(),
    'runtimes': {'hosts', 'runtimes'},
    'serve': {
        'checks',
        'configs',
        'hosts',
        'models.specs',
        'predict',
        'serve',
        'toy_data',
        'view',
        'weights',
    },
    'swap': {
        'checks',
        'hosts',
        'models.specs',
        'swap',
        'undeclared',
        'weights.zoo',
    },
    'toy_data': {'checks', 'toy_data'},
    'undeclared': set(),
    'transforms': {'checks', 'hosts', 'registry', 'transforms'},
    'view': {'checks', 'models', 'predict', 'view'},
    'verify': {
        'analysis',
        'configs',
        'engine.data_checking',
        'predict.host_model',
        'verify',
        'weights',
    },
    'weights': {
        'checks',
        'deployed',
        'hosts',
        'models',
        'registry',
        'weights',
    },
}
# The models, and what makes them fast and final, need torch alone.
PORTABLE = {'checks', 'compiled', 'deployed', 'fast', 'models'}
FILES = module_table.parts()


def within(name: str, part: str) -> bool:
    return f'{name}.'.startswith(f'{part}.')


def rule_of(name: str) -> str:
    return max((p for p in ALLOWED if within(name, p)), key=len)


@pytest.mark.parametrize('name', FILES)
def test_a_file_imports_what_its_rule_allows(name: str) -> None:
    path = FILES[name]
    allowed = ALLOWED[rule_of(name)]
    for module, at_top in module_table.imports(path):
        head, _, rest = module.partition('.')
        assert not (at_top and head in HOSTS), f'{path} imports {module}'
        if name.split('.')[0] in PORTABLE and head != 'uniformer_mm':
            known = head in sys.stdlib_module_names or head == 'torch'
            assert known, f'{path} imports {module}'
        if head == 'uniformer_mm' and rest:
            assert any(within(rest, a) for a in allowed), (
                f'{path} imports {module}'
            )


@cache
def exported(name: str) -> set[str] | None:
    for node in ast.parse(FILES[name].read_text()).body:
        match node:
            case ast.Assign(targets=[ast.Name('__all__')], value=names):
                return set(ast.literal_eval(names))
    return None


@pytest.mark.parametrize('name', FILES)
def test_a_file_imports_what_others_export(name: str) -> None:
    for node in ast.walk(ast.parse(FILES[name].read_text())):
        if not isinstance(node, ast.ImportFrom):
            continue
        module = str(node.module).removeprefix('uniformer_mm.')
        if module not in FILES:
            continue
        names = {alias.name for alias in node.names}
        files = {n for n in names if f'{module}.{n}' in FILES}
        known = exported(module)
        assert known is None or names - files <= known, module


def test_nothing_is_allowed_that_is_not_used() -> None:
    used: dict[str, set[str]] = {rule: set() for rule in ALLOWED}
    for name, path in FILES.items():
        for at_top in (True, False):
            used[rule_of(name)] |= set(module_table.ours(path, at_top=at_top))
    spare = {
        (rule, part)
        for rule, allowed in ALLOWED.items()
        for part in allowed
        if not any(within(other, part) for other in used[rule])
    }
    assert not spare


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph = {
        name: [*module_table.ours(path, at_top=True)]
        for name, path in FILES.items()
    }
    order = list(graphlib.TopologicalSorter(graph).static_order())
    assert set(FILES) <= set(order)


def test_the_table_of_modules_is_current() -> None:
    path = module_table.DESIGN
    text = filled(path, module_table.TOOL, module_table.table())
    assert text == path.read_text(), f'run `python -m {module_table.TOOL}`'
