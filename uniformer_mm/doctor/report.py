"""What ``uniformer-mm doctor`` says of the facts."""

from __future__ import annotations

from dataclasses import dataclass

from uniformer_mm.compat.missing_ops import BY_REASON
from uniformer_mm.doctor.advice import explain
from uniformer_mm.doctor.breakage import why_off
from uniformer_mm.doctor.breakages import KNOWN
from uniformer_mm.doctor.facts import MODULES
from uniformer_mm.doctor.installation import Facts
from uniformer_mm.doctor.releases import MMCV, release
from uniformer_mm.hosts import EXTRAS, HOSTS

__all__ = ['REQUIRED', 'Row', 'report']

REQUIRED = ('torch', 'numpy', 'mmengine', 'mmcv', 'uniformer_mm')
UNKNOWN = 'Not a known breakage: report it with doctor --json.'


@dataclass(frozen=True)
class Row:
    """One line of the report.

    Attributes:
        status: ``'FAIL'`` (the suite can't run), ``'warn'``, ``'info'``,
            ``'ok'``, ``'absent'``; ``'on'``, ``'off'`` for replacements;
            ``'clear'`` for a known breakage that does not occur.
        name: Module, replacement or known breakage.
        version: Installed version, ``''`` if there is none.
        text: What was found and, if something is wrong, the fix.
    """

    status: str
    name: str
    version: str
    text: str


def report(facts: Facts) -> list[Row]:
    """Turn facts into the lines of the report, problems first."""
    rows = [Row('ok', 'python', facts.python, '')]
    rows += [_module_row(module, facts) for module in MODULES]
    if not any(host in facts.errors for host in HOSTS):
        first, *others = (host.extra for host in HOSTS.values())
        text = (
            f"none is installed: pip install 'uniformer_mm[{first}]' (or "
            f'{", ".join(others)})'
        )
        rows.append(Row('FAIL', 'hosts', '', text))
    rows += _replacement_rows(facts)
    told = {explain(error, facts)[0] for error in facts.errors.values()}
    for breakage in KNOWN:
        advice = breakage.find(facts)
        if advice and breakage.name not in told:
            status = 'warn' if breakage.is_problem else 'info'
            rows.append(Row(status, breakage.name, '', advice))
        elif not advice:
            rows.append(Row('clear', breakage.name, '', 'does not occur'))
    order = {'FAIL': 0, 'warn': 1}
    return sorted(rows, key=lambda row: order.get(row.status, 2))


def _module_row(module: str, facts: Facts) -> Row:
    names = [name for name in MODULES[module] if name in facts.versions]
    found = ', '.join(
        facts.versions[name] + (f' ({name})' if name != module else '')
        for name in names
    )
    error = facts.errors.get(module)
    vital = module in REQUIRED
    if error is None:
        extra = EXTRAS.get(module)
        what = f"'uniformer_mm[{extra}]'" if extra else MODULES[module][0]
        text = f'not installed: pip install {what}'
        return Row('FAIL' if vital else 'absent', module, found, text)
    if error:
        text = f'{error}. {explain(error, facts)[1] or UNKNOWN}'
        status = 'FAIL' if vital or module in HOSTS else 'warn'
        return Row(status, module, found, text)
    text = {
        'torch': f'computes on {facts.gpu or "the CPU"}',
        'mmcv': 'nms works, with ops '
        + ('of uniformer_mm' if 'mmcv._ext' in facts.replaced else 'compiled'),
        'uniformer_mm': "imports, and loads MMEngine's checkpoints",
    }.get(module, f'{module}.models imports' if module in HOSTS else 'imports')
    return Row('ok', module, found, text)


def _replacement_rows(facts: Facts) -> list[Row]:
    mmcv = next((name for name in MMCV if name in facts.versions), 'mmcv')
    reasons = {
        'mmcv._ext': f'{mmcv} has no compiled ops',
        'mmaction.models.localizers.drn': "mmaction2's wheel lacks it",
        'xtcocotools.mask': 'xtcocotools is not installed',
    }
    if 'xtcocotools._mask' in facts.replaced:
        del reasons['xtcocotools.mask']
        reasons['xtcocotools._mask'] = "xtcocotools' own does not work here"
    rows = []
    for name, reason in reasons.items():
        owner = name.partition('.')[0]
        status = 'off'
        if owner not in facts.errors:
            text = f'not needed: {owner} is not installed'
        elif name in facts.replaced:
            status, text = 'on', f'from uniformer_mm, because {reason}'
        elif not facts.errors[owner]:
            text = f'not needed: {owner} has its own'
        else:
            text = why_off(facts)[0] or f'{owner} fails before it is needed'
        short = '.'.join(name.split('.')[-2:])
        rows.append(Row(status, short, '', text))
    if 'mmcv._ext' in facts.replaced:
        text = '; '.join(
            f'{len(names)}, because {why}' for why, names in BY_REASON.items()
        )
        left = f'functions of mmcv that nothing stands in for: {text}'
        rows.append(Row('info', 'ops left out', '', left))
    torch = facts.versions.get('torch', '')
    status, text = 'on', 'set by uniformer_mm, because torch refuses them'
    if torch and release(torch) < (2, 6):
        status, text = 'off', 'not needed: torch < 2.6 does not check types'
    elif facts.errors.get('uniformer_mm', 'not installed'):
        status, text = 'off', 'uniformer_mm does not work'
    return [*rows, Row(status, 'types in checkpoints', '', text)]
