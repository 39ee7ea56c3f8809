"""Faults of data that would end a training, or make it learn something wrong.

``check_config`` reads the annotation files of a config and compares them with
its model; pictures and videos are opened by ``uniformer-mm check-data``.
"""

from uniformer_mm.data_checks.data_set import check_data_set
from uniformer_mm.data_checks.finding import Finding
from uniformer_mm.data_checks.model import check_config

__all__ = ['Finding', 'check_config', 'check_data_set']
