"""One sample through the steps of a pipeline, with what fails named."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from uniformer_mm.data_checks.label_map import mask_fault

__all__ = ['BadSampleError', 'files_of', 'picture_fault', 'run_steps']

PATHS = ('img_path', 'seg_map_path', 'filename', 'frame_dir')
# Not of the sample: the installation, the machine, or the pipeline's order.
ELSEWHERE = (ImportError, MemoryError, NotImplementedError, PermissionError)
# Type of a picture by its ending -> the bytes near its end if it is whole.
ENDS = {'.jpg': b'\xff\xd9', '.jpeg': b'\xff\xd9', '.png': b'IEND'}
TAIL = 4096  # bytes: cameras write more behind the end
WAY_OUT = (
    'Fetch it again, or take it out of the annotations; `uniformer-mm '
    'check-data CONFIG` lists all of them. To train without: --cfg-options '
    'train_dataloader.max_bad_samples=N puts others in the place of N'
)


class BadSampleError(ValueError):
    """A sample can't be used; the message names its files.

    Attributes:
        reason (str): What is wrong with it, without the way out.
    """

    # Workers of a data loader hand on the message alone.
    def __init__(self, message: str, reason: str = '') -> None:
        super().__init__(message)
        self.reason = reason or message


def files_of(results: Mapping[str, Any]) -> list[str]:
    """Paths of the files of a sample."""
    found = (results.get(key) for key in PATHS)
    return [os.fspath(path) for path in found if path]


def run_steps(
    steps: Iterable[Callable[[Any], Any]],
    results: dict[str, Any],
    classes: int | None = None,
) -> Any:
    """Run the steps of a pipeline; None where one of them gives that.

    When a picture or a mask is first there, it is compared with what the
    annotations say of it.

    Args:
        steps: Transforms of a host.
        results: What they start from.
        classes: Of label maps; None for none.

    Raises:
        BadSampleError: A step failed, a file is damaged, sizes differ, or a
            mask has values that are no classes. What is not of the sample,
            such as a missing package, is raised as it is.
    """
    files = files_of(results)
    told = results.get('height'), results.get('width')
    picture = mask = False
    for step in steps:
        try:
            results = step(results)
        except BadSampleError:
            raise
        except ELSEWHERE:
            raise
        except Exception as error:
            raise _error(files, _reason(files, step, error)) from error
        if results is None:
            return None
        if not isinstance(results, dict):  # repeated augmentation
            continue
        if not picture and 'img' in results and 'ori_shape' in results:
            picture = True
            fault = _size_fault(results, told) or _fault_of_files(files)
            if fault:
                raise _error(files, fault)
        if not mask and classes is not None and 'gt_seg_map' in results:
            mask = True
            size = results.get('ori_shape')
            fault = mask_fault(results['gt_seg_map'], size, classes)
            if fault:
                named = f'{results.get("seg_map_path")}: {fault}'
                raise _error(files, named)
    return results


def picture_fault(path: str, *, thorough: bool = False) -> str:
    """Return what is wrong with a picture file, or ''.

    OpenCV fills what is missing of a JPEG, and says nothing. A file with its
    end mark is taken to be whole, unless ``thorough``. What is not on this
    machine is not looked at.
    """
    if '://' in path:
        return ''
    if not os.path.exists(path):
        return f'{path} is not there'
    if not os.path.isfile(path):
        return f'{path} is no file'
    if not os.access(path, os.R_OK):
        return f'{path} may not be read by this user'
    size = os.path.getsize(path)
    if not size:
        return f'{path} is empty (0 bytes)'
    mark = ENDS.get(os.path.splitext(path)[1].lower())
    if not thorough:
        if mark is None:
            return ''
        with open(path, 'rb') as file:
            file.seek(max(size - TAIL, 0))
            if mark in file.read():
                return ''
    from uniformer_mm.predict.pictures import decode_picture

    try:
        decode_picture(Path(path).read_bytes())
    except ValueError as error:
        return f'{path}: {error}'
    return ''


def _fault_of_files(files: Iterable[str], *, thorough: bool = False) -> str:
    faults = (
        picture_fault(path, thorough=thorough)
        for path in files
        if _is_picture(path)
    )
    return next(filter(None, faults), '')


def _is_picture(path: str) -> bool:
    return os.path.splitext(path)[1].lower() in (
        *ENDS,
        '.bmp',
        '.tif',
        '.tiff',
        '.webp',
    )


def _size_fault(results: Mapping[str, Any], told: tuple[Any, Any]) -> str:
    size = tuple(results['ori_shape'][:2])
    if None in told or size == tuple(told):
        return ''
    turned = size[::-1] == tuple(told)
    return (
        f'the picture is {size[1]} x {size[0]} pixels, and {told[1]} x '
        f'{told[0]} in the annotations'
        + (' (its EXIF orientation turns it)' if turned else '')
    )


def _reason(files: list[str], step: Any, error: Exception) -> str:
    """What is wrong with the files, else what the step said."""
    fault = _fault_of_files(files, thorough=True)
    text = str(error).strip()
    if any(path in text for path in files):
        return fault or text.removesuffix('.')
    return fault or f'{type(step).__name__}: {type(error).__name__}: {text}'


def _error(files: list[str], reason: str) -> BadSampleError:
    named = ' and '.join(files) or 'a sample without files'
    return BadSampleError(f'bad sample {named}: {reason}. {WAY_OUT}', reason)
