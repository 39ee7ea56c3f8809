"""A small data set of drawn shapes for every task, always the same.

    ROOT/{train,val}/000000.jpg ...               pictures
    ROOT/annotations/instances_{train,val}.json   boxes and polygons (COCO)
    ROOT/annotations/keypoints_{train,val}.json   corners of the triangles
    ROOT/masks/{train,val}/000000.png ...         class of every pixel
    ROOT/classes/{train,val}/circle/000000.jpg    pictures of one shape
    ROOT/clips/{train,val}/000000.mp4 ...         moving shapes
    ROOT/annotations/clips_motion_{train,val}.txt  `000000.mp4 LABEL`
    ROOT/annotations/clips_shape_{train,val}.txt   the same, other labels

``uniformer_mm.toy_data.images``, ``.singles`` and ``.clips`` say what is in
them.
"""

from uniformer_mm.toy_data.make import make_toy_data
from uniformer_mm.toy_data.spec import (
    CLASSES,
    KEYPOINTS,
    MOTIONS,
    ToyDataSpec,
)

__all__ = ['CLASSES', 'KEYPOINTS', 'MOTIONS', 'ToyDataSpec', 'make_toy_data']
