"""Reading videos and frames, with errors that name the file."""

from __future__ import annotations

from typing import Any

import numpy as np

from uniformer_mm.registry import TRANSFORMS
from uniformer_mm.transforms.arguments import import_extra

__all__ = ['FramesDecode', 'VideoDecode', 'VideoInit']


class _HostDecoder:
    """A loading transform of mmaction2.

    Attributes:
        host (str): Name of the transform.
        source (str): Key of the results that has the path.
    """

    host: str
    source: str

    def __init__(self, **settings: Any) -> None:
        transforms = import_extra('mmaction.datasets.transforms')
        self.transform = getattr(transforms, self.host)(**settings)

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Run the transform.

        Raises:
            OSError: It failed; the message names the file.
        """
        try:
            return self.transform(results)
        except KeyError:  # a key of the results: the pipeline's order is wrong
            raise
        except Exception as error:
            raise OSError(
                f'can not read {results[self.source]} '
                f'({type(error).__name__}: {error}). Fetch it again, or take '
                'its line out of the annotation file; for a video, '
                '`ffmpeg -v error -i FILE -f null -` lists the damage.'
            ) from error


@TRANSFORMS.register_module()
class VideoInit(_HostDecoder):
    """mmaction2's ``DecordInit``: open the video in ``filename``.

    NOTE: the official loader puts another random video in the place of a
    broken one, and says so in its log alone.

    Args:
        **settings (Any): Arguments of ``DecordInit``.

    Raises:
        ImportError: No mmaction2.
        OSError: On a call: the file is not there, or no video.
    """

    host = 'DecordInit'
    source = 'filename'


@TRANSFORMS.register_module()
class VideoDecode(_HostDecoder):
    """mmaction2's ``DecordDecode``: the frames ``frame_inds`` as ``imgs``.

    They are (H, W, 3), uint8, RGB.

    Args:
        **settings (Any): Arguments of ``DecordDecode``.

    Raises:
        ImportError: No mmaction2.
        OSError: On a call: the video is damaged.
    """

    host = 'DecordDecode'
    source = 'filename'


@TRANSFORMS.register_module()
class FramesDecode(_HostDecoder):
    """mmaction2's ``RawFrameDecode``: images of ``frame_dir`` as ``imgs``.

    They are (H, W, 3), uint8, in ``channel_order``.

    Args:
        channel_order (str): 'rgb', or 'bgr' as the official models of
            Something-Something and HMDB51 were trained. Defaults to 'rgb'.
        **settings (Any): Arguments of ``RawFrameDecode``.

    Raises:
        ImportError: No mmaction2.
        ValueError: Unknown ``channel_order``.
        OSError: On a call: a frame is not there, or damaged.
    """

    host = 'RawFrameDecode'
    source = 'frame_dir'

    def __init__(self, channel_order: str = 'rgb', **settings: Any) -> None:
        if channel_order not in ('rgb', 'bgr'):
            raise ValueError(
                "channel_order must be one of ['rgb', 'bgr'], got "
                f'{channel_order!r}'
            )
        super().__init__(**settings)
        self.channel_order = channel_order

    def __call__(self, results: dict[str, Any]) -> dict[str, Any]:
        """Read the frames."""
        results = super().__call__(results)
        if self.channel_order == 'bgr':
            results['imgs'] = [
                np.ascontiguousarray(frame[..., ::-1])
                for frame in results['imgs']
            ]
        return results
