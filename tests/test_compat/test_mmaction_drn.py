from __future__ import annotations

import importlib

import pytest

from uniformer_mm.compat import mmaction_drn


def test_construction_names_the_issue_and_the_way_out() -> None:
    assert mmaction_drn.__all__ == ['DRN']
    with pytest.raises(NotImplementedError) as caught:
        mmaction_drn.DRN(vocab_size=1, hidden_dim=2)
    assert 'mmaction2/issues/2714' in str(caught.value)
    assert 'install mmaction2 from source' in str(caught.value)


def test_mmaction_models_import_with_the_stand_in() -> None:
    # Imports all of mmaction.models, which fails without the stand-in.
    pytest.importorskip('mmaction')
    localizers = importlib.import_module('mmaction.models.localizers')
    module = importlib.import_module('mmaction.models.localizers.drn.drn')
    if not (module.__file__ or '').endswith('mmaction_drn.py'):
        pytest.skip('mmaction2 is complete')
    assert module.__name__ == 'mmaction.models.localizers.drn.drn'
    assert localizers.DRN is module.DRN
    assert localizers.BMN.__module__ == 'mmaction.models.localizers.bmn'
