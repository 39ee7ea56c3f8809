"""Models to the Hugging Face hub, or into a folder like one of its.

Uploading, the config and the card go through ``ModelHubMixin``. Our classes do
not inherit from it, nor from its heir for PyTorch: a base class would make
``huggingface_hub`` a requirement of the models; its ``from_pretrained`` would
take the place of ours, which knows the catalogue and files of every kind; and
its config holds the arguments of a constructor, of which ``arch`` may be an
object, and the weights tell most.
"""

from __future__ import annotations

import os
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np

from uniformer_mm.hosts import import_extra
from uniformer_mm.model_card import Described, card_data, card_text
from uniformer_mm.models import (
    ARCHS,
    UniFormer,
    UniFormerClassifier,
    UniFormerLight,
)
from uniformer_mm.weights.catalogued import contradictions
from uniformer_mm.weights.files import write_weights
from uniformer_mm.weights.hub import WEIGHTS_NAME
from uniformer_mm.weights.recognize import recognize
from uniformer_mm.weights.settings import (
    BACKBONE_SETTINGS,
    CLASSIFIER_SETTINGS,
    SEGMENTOR_SETTINGS,
)
from uniformer_mm.weights.zoo import ZOO, ZooEntry

__all__ = ['push_to_hub', 'save_pretrained']

CLASSES = (UniFormer, UniFormerLight, UniFormerClassifier)
# Task of the catalogue -> the kinds of model that its numbers are of.
KINDS = {
    'backbone': ('backbone', 'classifier'),
    'segmentation': ('segmentor',),
    'action': ('backbone', 'classifier'),
}


def save_pretrained(
    model: Any,
    folder: str | os.PathLike[str],
    *,
    published: str | None = None,
    license: str | None = None,  # noqa: A002
) -> None:
    """Write a model as the Hugging Face hub has models.

    ``model.safetensors`` holds all that ``from_pretrained`` needs, which takes
    the folder; ``config.json`` says it to people; ``README.md`` is the model
    card. A card that is there stays as it is.

    Args:
        model (nn.Module): A ``UniFormer``, ``UniFormerLight``,
            ``UniFormerClassifier`` or ``portable.Segmentor``, plain or
            deployed. Settings of training, such as dropout, are not kept.
        folder (str | PathLike): It is made if need be.
        published (str | None): Name in the catalogue of the published weights
            that these are: the card gets the paper's numbers of them, and
            their licence. Defaults to None: they are yours.
        license (str | None): Licence of weights of yours, as the hub names
            licences ('apache-2.0', 'mit', ...). Defaults to None: none is
            stated.

    Raises:
        ImportError: ``huggingface_hub`` or ``safetensors`` is missing.
        TypeError: ``model`` is of another class.
        ValueError: It can't be loaded back, as of a backbone without its last
            stages; or ``published`` is unknown, another model, or comes with
            ``license``.
    """
    upload, config = _prepared(model, published, license)
    upload.save_pretrained(folder, config=config)


def push_to_hub(
    model: Any,
    repo_id: str,
    *,
    published: str | None = None,
    license: str | None = None,  # noqa: A002
    **upload: Any,
) -> str:
    """Put a model on the Hugging Face hub, in a commit.

    Args:
        model (nn.Module): As in ``save_pretrained``.
        repo_id (str): OWNER/NAME; the repository is made if need be.
        published (str | None): As in ``save_pretrained``. Defaults to None.
        license (str | None): As in ``save_pretrained``. Defaults to None.
        **upload (Any): Further arguments of ``ModelHubMixin.push_to_hub``,
            such as ``private``, ``token``, ``branch``, ``create_pr`` and
            ``commit_message``.

    Returns:
        str: Address of the commit.

    Raises:
        ImportError, TypeError, ValueError: As in ``save_pretrained``.
        OSError: The hub refused, or was not reached.
    """
    model_on_hub, config = _prepared(model, published, license)
    address: str = model_on_hub.push_to_hub(
        repo_id,
        config=config,
        model_card_kwargs={'repo_id': repo_id},
        **upload,
    )
    return address


def _prepared(
    model: Any, published: str | None, licence: str | None
) -> tuple[Any, dict[str, Any]]:
    """Return the model as one of ``huggingface_hub``'s, and its config."""
    from uniformer_mm.portable import Segmentor

    if not isinstance(model, (*CLASSES, Segmentor)):
        raise TypeError(
            'model must be a UniFormer, UniFormerLight, UniFormerClassifier '
            f'or portable.Segmentor, got {type(model).__name__}'
        )
    hub = import_extra('huggingface_hub')
    import_extra('safetensors')
    state = model.state_dict()
    backbone: Any = getattr(model, 'backbone', model)
    try:
        identity = recognize(state, ARCHS)
    except ValueError as error:
        raise ValueError(
            f'this {type(model).__name__} could not be loaded back: {error}'
        ) from error
    entry = _entry(published, licence, identity, backbone)
    settings = _settings(model, backbone)
    meta = {'head_dim': backbone.spec.head_dim, 'settings': settings}
    (name, *_) = [
        kind.__name__
        for kind in (*CLASSES, Segmentor)
        if isinstance(model, kind)
    ]
    described = Described(name, identity, backbone.spec, entry, licence)
    config = {
        'library': 'uniformer_mm',
        'model': described.class_name,
        'arch': asdict(backbone.spec),
        'ndim': backbone.ndim,
        'in_channels': backbone.in_channels,
        'num_classes': identity.num_classes,
        'deployed': identity.deployed,
        **settings,
    }

    class OnHub(hub.ModelHubMixin):  # type: ignore[name-defined]
        def _save_pretrained(self, save_directory: Path) -> None:
            write_weights(state, save_directory / WEIGHTS_NAME, meta=meta)

        def generate_model_card(self, repo_id: str = 'OWNER/NAME') -> Any:
            data = card_data(described, hub, repo_id)
            text = card_text(described, repo_id)
            return hub.ModelCard(f'---\n{data}\n---\n\n{text}')

    return OnHub(), config


def _entry(
    published: str | None, licence: str | None, identity: Any, backbone: Any
) -> ZooEntry | None:
    """Return the catalogue's entry of the weights.

    Raises:
        ValueError: There is none, or it is of another model; or there is one
            and a licence besides.
    """
    if published is None:
        return None
    entry = ZOO.get(published)
    if entry is None:
        raise ValueError(
            f'published must be a name of the catalogue (`uniformer-mm '
            f'weights` lists them), got {published!r}'
        )
    if licence is not None:
        raise ValueError(
            f'license={licence!r} is for weights of yours; that of '
            f'{published} is its publisher to state'
        )
    wrong = contradictions(entry, identity)
    if identity.kind not in KINDS.get(entry.task, ()):
        wrong = f'that is for {entry.task}, this a {identity.kind}'
    if not wrong and entry.head_dim != backbone.spec.head_dim:
        wrong = (
            f'head_dim is {backbone.spec.head_dim} in the model and '
            f'{entry.head_dim} in the catalogue'
        )
    if wrong:
        raise ValueError(f'this is not {published}: {wrong}')
    return entry


def _settings(model: Any, backbone: Any) -> dict[str, Any]:
    """Return the arguments that weights don't show, as plain data."""
    names: tuple[str, ...] = SEGMENTOR_SETTINGS
    if model is backbone:
        names = BACKBONE_SETTINGS
    elif isinstance(model, UniFormerClassifier):
        names = CLASSIFIER_SETTINGS
    owners = {
        name: owner
        for owner in (model, backbone)
        for name in names
        if hasattr(owner, name)
    }
    values = {name: getattr(owner, name) for name, owner in owners.items()}
    return {name: _plain(value) for name, value in values.items()}


def _plain(value: Any) -> Any:
    if isinstance(value, np.ndarray):
        return value.tolist()
    return list(value) if isinstance(value, tuple) else value
