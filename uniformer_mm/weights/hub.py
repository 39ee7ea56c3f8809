"""Weight files of the Hugging Face hub: ``hf-hub:OWNER/NAME``."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from uniformer_mm.hosts import import_extra
from uniformer_mm.weights.reading import listed

__all__ = ['SCHEME', 'WEIGHTS_NAME', 'fetch_from_hub']

SCHEME = 'hf-hub:'
HUB = 'https://huggingface.co'
FORM = re.compile(r'hf-hub:([\w.-]+/[\w.-]+)(?:/([^@]+))?(?:@(.+))?')
WEIGHTS_NAME = 'model.safetensors'
ENDINGS = ('.pth', '.pt', '.bin', '.safetensors')


def fetch_from_hub(
    source: str, *, offline: bool = False, force: bool = False
) -> Path:
    """Return the local file of a file on the hub; download it if need be.

    It is kept in the cache of ``huggingface_hub``, whose settings hold
    (``HF_HOME``, ``HF_ENDPOINT``, ``HF_HUB_OFFLINE``, ``HF_TOKEN``).

    Args:
        source: 'hf-hub:OWNER/NAME', 'hf-hub:OWNER/NAME/FILE', either with
            '@REVISION' behind it. Without FILE it is ``model.safetensors`` or
            else the only weight file of the repository.
        offline: Take it from the cache, never from the network.
        force: Download it anew, if not offline.

    Raises:
        ImportError: ``huggingface_hub`` is missing.
        OSError: There is no such repository, revision or file, or no network.
        ValueError: ``source`` has another form, or there are several weight
            files or none; they are listed.
    """
    match = FORM.fullmatch(source)
    if not match:
        raise ValueError(
            'a file of the hub must be hf-hub:OWNER/NAME or '
            'hf-hub:OWNER/NAME/FILE, with or without @REVISION, got '
            f'{source!r}'
        )
    hub = import_extra('huggingface_hub')
    name, file, revision = match.groups()
    if not file and offline:
        file = WEIGHTS_NAME
    elif not file:
        with _address_in_errors(source, name, offline):
            files = hub.HfApi().list_repo_files(name, revision=revision)
        file = _choose(files, source)
    with _address_in_errors(source, name, offline):
        path = hub.hf_hub_download(
            name,
            file,
            revision=revision,
            local_files_only=offline,
            force_download=force and not offline,
        )
    return Path(path)


@contextlib.contextmanager
def _address_in_errors(
    source: str, name: str, offline: bool
) -> Iterator[None]:
    address = f'{os.environ.get("HF_ENDPOINT", HUB).rstrip("/")}/{name}'
    try:
        yield
    # Those of its HTTP library, too, which depends on the version.
    except Exception as error:
        place = "huggingface_hub's cache" if offline else address
        raise OSError(
            f"can't get {source!r} from {place}: {error}. Without network: "
            f'get the file from {address} and give its path'
        ) from error


def _choose(files: list[str], source: str) -> str:
    """Return the name of the weight file among ``files``."""
    found = [name for name in files if name.endswith(ENDINGS)]
    if WEIGHTS_NAME in found:
        return WEIGHTS_NAME
    if len(found) == 1:
        return found[0]
    repository, at, revision = source.partition('@')
    if found:
        raise ValueError(
            f'{source!r} has several weight files, {listed(found, 20)}; name '
            f'one: {repository}/{found[0]}{at}{revision}'
        )
    kinds = sorted({PurePosixPath(name).suffix for name in files})
    raise ValueError(
        f'{source!r} has no weight file ({", ".join(ENDINGS)}), only files '
        f'that end in {listed(kinds) or "nothing"}'
    )
