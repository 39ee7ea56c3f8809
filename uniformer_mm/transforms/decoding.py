"""Reading videos and frames, with errors that name the file."""

from __future__ import annotations

from typing import Any

from uniformer_mm.hosts import import_extra
from uniformer_mm.registry import TRANSFORMS

__all__ = ['FramesDecode', 'VideoDecode', 'VideoInit']

MISSING = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
# A KeyError is about the results: the pipeline's order is wrong.
ELSEWHERE = (ImportError, KeyError, MemoryError, NotImplementedError)


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
            OSError: The file is damaged or missing; the message names it.
                What else went wrong has its own message.
        """
        try:
            return self.transform(results)
        except Exception as error:
            if not self._is_of_the_file(error):
                raise
            raise OSError(
                f"can't read {results[self.source]} "
                f'({type(error).__name__}: {error}). Fetch it again, or take '
                'its line out of the annotation file; for a video, '
                '`ffmpeg -v error -i FILE -f null -` lists the damage.'
            ) from error

    def _is_of_the_file(self, error: Exception) -> bool:
        # The host makes its client of files right before it reads with it.
        if getattr(self.transform, 'file_client', True) is None:
            return False
        if isinstance(error, OSError) and error.errno is not None:
            return isinstance(error, MISSING)  # and not memory or permissions
        return not isinstance(error, ELSEWHERE)


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

    They are (H, W, 3), uint8, RGB.

    Args:
        **settings (Any): Arguments of ``RawFrameDecode``.

    Raises:
        ImportError: No mmaction2.
        TypeError: ``channel_order`` is given, which is a step of its own.
        OSError: On a call: a frame is not there, or damaged.
    """

    host = 'RawFrameDecode'
    source = 'frame_dir'

    def __init__(self, **settings: Any) -> None:
        # mmaction2 would take it, and do nothing.
        if 'channel_order' in settings:
            raise TypeError(
                'FramesDecode takes no channel_order, got '
                f"{settings['channel_order']!r}: it gives RGB; for 'bgr' put "
                "dict(type='uniformer_mm.RGBToBGR') behind it. The inferencer "
                'of mmaction2 replaces steps of decoding, and their settings '
                'would be lost'
            )
        super().__init__(**settings)
