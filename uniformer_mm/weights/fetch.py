"""From a name, a path or a URL to a local file: folder, cache, mirror, web.

``UNIFORMER_MM_WEIGHTS`` may hold

- a folder: files are taken from it (under ``ZooEntry.local_name``) or from the
  cache, and the network is never used;
- an ``http(s)`` address: files are downloaded from there, with their name
  appended, and from nowhere else.

The cache is that of torch.hub, like MMEngine's. What could be mistaken there,
a file of another address or with the name of another catalogued one, has a
folder of its own in it. Files of the Hugging Face hub (``hub.py``) have the
cache of ``huggingface_hub``, also beside a folder.
"""

from __future__ import annotations

import difflib
import filecmp
import hashlib
import os
import secrets
import shutil
from functools import partial
from pathlib import Path
from urllib.parse import quote

import torch

from uniformer_mm.weights.address import name_of, path_of, scheme_of
from uniformer_mm.weights.http import transfer
from uniformer_mm.weights.hub import SCHEME, WEIGHTS_NAME, fetch_from_hub
from uniformer_mm.weights.verify import find_damage, find_difference
from uniformer_mm.weights.zoo import ZOO, ZooEntry, find_entry

__all__ = ['WEIGHTS_VARIABLE', 'fetch']

WEIGHTS_VARIABLE = 'UNIFORMER_MM_WEIGHTS'
"""Environment variable with a folder of weight files, or a mirror."""


def fetch(
    source: str,
    folder: Path | None = None,
    *,
    progress: bool = True,
    force: bool = False,
) -> Path:
    """Return the local file of ``source``; download it if need be.

    A broken download is continued by the next call. What is found or
    downloaded under a catalogued name is compared with the size and the hash
    of the catalogue, where it has them. What is downloaded is also read: a
    damaged file, or another model than the catalogue says, is removed.

    Args:
        source: An existing file, a folder with a ``model.safetensors``, a
            name of the catalogue, a URL (http, https, file), or
            'hf-hub:OWNER/NAME' (see ``fetch_from_hub``).
        folder: Where the file shall be; None leaves it where it is found, and
            downloads into the cache.
        progress: Show a bar on stderr while downloading.
        force: Download it anew, and replace what is there.

    Raises:
        FileExistsError: ``folder`` has another file of that name.
        FileNotFoundError: ``source`` is none of these; or it is not here and
            can't be downloaded: says where to get it and where to put it.
        OSError: The download failed; says why, and the way without network.
        ImportError: It is on the hub, and ``huggingface_hub`` is missing.
        ValueError: The file is not the catalogued one; or the URL has another
            scheme, or no file name.
    """
    if source.startswith(SCHEME):
        setting, mirror = _setting()
        if mirror:
            raise ValueError(
                f'{source!r} is not on the mirror that {WEIGHTS_VARIABLE} '
                'names; a mirror of the hub is named by HF_ENDPOINT'
            )
        path = fetch_from_hub(source, offline=bool(setting), force=force)
        return _place(path, folder, force)
    scheme = scheme_of(source)
    if scheme in ('', 'file'):
        path = path_of(source)
        if (path / WEIGHTS_NAME).is_file():
            path = path / WEIGHTS_NAME
        if path.is_file():
            return _place(path, folder, force)
        if source not in ZOO:
            raise FileNotFoundError(_unknown(source))
    entry = find_entry(source)
    catalogued = entry is not None and source in (entry.name, entry.url)
    name = name_of(source) if scheme else ZOO[source].local_name
    find_fault = partial(find_damage, entry=entry)

    setting, mirror = _setting()
    offline = _offline_folder(setting) if setting and not mirror else None
    cache = _cache_of(source, entry if catalogued else None)
    # Under the name of an address anything may lie in a folder of the user's.
    known = [offline, folder if catalogued else None, cache]
    for home in known if offline or not force else ():
        path = (home or cache) / name
        if home and path.is_file():
            fault = find_difference(path, entry)
            if fault:
                raise ValueError(f'remove {path}: {fault}')
            return _place(path, folder, force)

    origin = entry.source if entry else source
    if offline:
        raise FileNotFoundError(
            f'no {name} in {offline} nor in {cache}, and nothing is '
            f'downloaded while {WEIGHTS_VARIABLE} names a folder: get it from '
            f'{origin} and put it there'
        )
    url = source if scheme else ZOO[source].url
    if mirror:
        url = f'{mirror.rstrip("/")}/{quote(name)}'
    target = (folder or cache) / name
    if not url:
        raise FileNotFoundError(
            f'{source} can be downloaded by hand only: get it from {origin} '
            f'and save it as {target}'
        )
    if target.exists() and not force:  # to be compared with what there is
        target = cache / name
    target.parent.mkdir(parents=True, exist_ok=True)
    size = entry.size if entry else 0
    try:
        transfer(
            url,
            target,
            find_fault,
            progress=progress,
            size=size,
            replace=force,
        )
    except OSError as error:
        raise OSError(
            f"can't download {url} to {target}: {error}. Without network: "
            f'get it from {origin}, save it as {name} in a folder, and set '
            f'{WEIGHTS_VARIABLE} to that folder'
        ) from error
    return _place(target, folder, force)


def _cache_of(source: str, entry: ZooEntry | None) -> Path:
    """Return the folder where what is downloaded is kept.

    Args:
        source: Name or URL.
        entry: The catalogue's, if it is the file of that.
    """
    cache = Path(torch.hub.get_dir(), 'checkpoints')
    if entry is None:
        return cache / hashlib.sha256(source.encode()).hexdigest()[:12]
    name = entry.local_name
    first = next(e.name for e in ZOO.values() if e.local_name == name)
    return cache if first == entry.name else cache / entry.name


def _setting() -> tuple[str, str]:
    """Return ``UNIFORMER_MM_WEIGHTS``, and once more if it is a mirror."""
    setting = os.environ.get(WEIGHTS_VARIABLE, '')
    return setting, setting if scheme_of(setting) in ('http', 'https') else ''


def _offline_folder(setting: str) -> Path:
    path = path_of(setting).expanduser()
    if not path.is_dir():
        raise NotADirectoryError(
            f'{WEIGHTS_VARIABLE} must be a folder or start with http:// or '
            f'https://, got {setting!r}'
        )
    return path


def _unknown(source: str) -> str:
    names = {
        **{entry.file_name: name for name, entry in ZOO.items()},
        **{name: name for name in ZOO},
    }
    close = difflib.get_close_matches(Path(source).name, names, n=3)
    guesses = sorted({names[guess] for guess in close})
    hint = f' Did you mean {" or ".join(guesses)}?' if guesses else ''
    return (
        f'{source!r} is no file, no name of the catalogue and no URL.{hint} '
        'All names: uniformer-mm weights'
    )


def _place(path: Path, folder: Path | None, force: bool) -> Path:
    """Copy ``path`` into ``folder``, unless it is there."""
    if folder is None or path.resolve().parent == folder.resolve():
        return path
    folder.mkdir(parents=True, exist_ok=True)
    target = folder / path.name
    if target.exists():
        if not target.is_file():
            raise ValueError(f'{target} is no plain file: remove it')
        if filecmp.cmp(path, target, shallow=False):
            return target
        if not force:
            raise FileExistsError(
                f'{target} is another file than {path}: name another folder, '
                'or replace it by --force'
            )
    part = folder / f'.{path.name}.{secrets.token_hex(8)}.copy'
    try:
        with path.open('rb') as source, part.open('xb') as copy:
            shutil.copyfileobj(source, copy)
        os.replace(part, target)
    finally:
        part.unlink(missing_ok=True)
    return target
