"""A drop-in for the ``UniformerSegmentor`` of ControlNet's annotators."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from uniformer_mm.checks import check_choice, check_int
from uniformer_mm.portable.pictures import Array, as_rgb
from uniformer_mm.portable.resample import METHODS, resize
from uniformer_mm.portable.segmentor import Segmentor

__all__ = ['UniformerSegmentor']

REPOSITORY = 'lllyasviel/Annotators'
FILE = 'upernet_global_small.pth'
REPOSITORIES = re.compile(r'[\w.-]+/[\w.-]+')
# That file in the catalogue, with its hash: fetched without huggingface_hub.
PUBLISHED = 'upernet_uniformer-s_160k_ade20k_controlnet'
MULTIPLE = 64
OUTPUTS = ('np', 'pil')


class UniformerSegmentor:
    """The annotator "seg_ufade20k": a picture to a picture of classes.

    Takes and gives what the class of this name in comfyui_controlnet_aux
    does. Those tools hand an RGB picture to a pipeline for BGR, so that red
    and blue are exchanged for the network; here they are not, unless the
    segmentor has ``channel_order='swapped'``, which gives their pictures.

    Args:
        segmentor (Segmentor): In eval mode, with a palette.

    Raises:
        TypeError: It is no ``Segmentor``.

    Examples:
        >>> annotator = UniformerSegmentor.from_pretrained().to('cuda')
        >>> annotator(PIL.Image.open('street.jpg')).save('classes.png')
    """

    def __init__(self, segmentor: Segmentor) -> None:
        if not isinstance(segmentor, Segmentor):
            raise TypeError(
                'segmentor must be a Segmentor, got '
                f'{type(segmentor).__name__}'
            )
        self.model = segmentor

    @classmethod
    def from_pretrained(
        cls,
        pretrained_model_or_path: str | os.PathLike[str] = REPOSITORY,
        filename: str = FILE,
        **options: Any,
    ) -> UniformerSegmentor:
        """Load the published weights, or others.

        Args:
            pretrained_model_or_path: A repository OWNER/NAME of the Hugging
                Face hub or a folder, which have ``filename``; or whatever
                ``Segmentor.from_pretrained`` takes. Defaults to that of the
                annotators.
            filename: File in the repository or folder.
            **options: Of ``Segmentor.from_pretrained``, such as
                ``channel_order='swapped'``.

        Raises:
            FileNotFoundError, OSError: The file is not there or can't be
                fetched.
            TypeError, ValueError: As ``Segmentor.from_pretrained``.
        """
        source = os.fspath(pretrained_model_or_path)
        if Path(source).is_dir():
            source = os.path.join(source, filename)
        elif (source, filename) == (REPOSITORY, FILE):
            source = PUBLISHED
        elif REPOSITORIES.fullmatch(source) and not Path(source).exists():
            source = f'hf-hub:{source}/{filename}'
        return cls(Segmentor.from_pretrained(source, **options))

    def to(self, device: str | torch.device) -> UniformerSegmentor:
        """Move the network to a device, and return this."""
        self.model.to(device)
        return self

    def __call__(
        self,
        input_image: Any = None,
        detect_resolution: int = 512,
        output_type: str | None = None,
        upscale_method: str = 'INTER_CUBIC',
        **deprecated: Any,
    ) -> Any:
        """Paint the class of each pixel in the colours of ADE20K.

        The picture is resized so that its shorter side has
        ``detect_resolution`` pixels, and padded to multiples of 64 by
        repeating its border while the network sees it.

        Args:
            input_image (PIL.Image.Image | np.ndarray): (H, W), (H, W, 1),
                (H, W, 3) or (H, W, 4), uint8, RGB; grey is repeated, what is
                transparent is laid on white.
            detect_resolution (int): Shorter side of the result in pixels,
                >= 0; 0 leaves the picture as it is, without padding. The
                network sees a picture within 2048 x 512 in either case.
                Defaults to 512.
            output_type (str | None): 'np' or 'pil'. Defaults to None: what
                ``input_image`` is.
            upscale_method (str): How pictures grow, as in OpenCV:
                'INTER_NEAREST', 'INTER_LINEAR', 'INTER_AREA', 'INTER_CUBIC'
                or 'INTER_LANCZOS4'. They shrink by 'INTER_AREA'. Defaults to
                'INTER_CUBIC'.
            **deprecated (Any): ``img`` and ``return_pil``, former names of
                ``input_image`` and ``output_type``.

        Returns:
            np.ndarray | PIL.Image.Image: (h, w, 3), uint8, RGB.

        Raises:
            TypeError: An argument is unknown or of the wrong type.
            ValueError: An argument breaks its rule, or there is no picture.
        """
        if 'img' in deprecated:
            input_image = deprecated.pop('img')
        if 'return_pil' in deprecated:
            output_type = 'pil' if deprecated.pop('return_pil') else 'np'
        if deprecated:
            raise TypeError(f'unknown arguments {sorted(deprecated)}')
        if input_image is None:
            raise ValueError('input_image must be given')
        check_int('detect_resolution', detect_resolution, 0)
        check_choice('upscale_method', upscale_method, METHODS)
        if output_type is None:
            output_type = (
                'np' if isinstance(input_image, np.ndarray) else 'pil'
            )
        check_choice('output_type', output_type, OUTPUTS)
        picture = as_rgb(input_image)
        if detect_resolution:
            picture = _resized(picture, detect_resolution, upscale_method)
        height, width = picture.shape[:2]
        if detect_resolution:
            picture = _padded(picture)
        colours = self.model.paint(self.model.predict(picture))
        result = np.ascontiguousarray(colours[:height, :width])
        return result if output_type == 'np' else Image.fromarray(result)


def _resized(picture: Array, resolution: int, method: str) -> Array:
    """Return the picture with ``resolution`` as its shorter side."""
    factor = resolution / min(picture.shape[:2])
    # To even numbers from the middle between two, as numpy.round does.
    height, width = (round(side * factor) for side in picture.shape[:2])
    return resize(
        picture, height, width, method if factor > 1 else 'INTER_AREA'
    )


def _padded(picture: Array) -> Array:
    """Repeat the lower and the right border up to multiples of 64."""
    below, right = (-side % MULTIPLE for side in picture.shape[:2])
    return np.pad(picture, ((0, below), (0, right), (0, 0)), mode='edge')
