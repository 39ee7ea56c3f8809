# DINO with four scales. Its authors' recipe, 12 epochs, with a tenth of the
# learning rate for the backbone.
_base_ = [
    'mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py',
    '../_base_/detection/uniformer-s-h14.py',
    '../_base_/runtime.py',
]

model = dict(
    # What fills no whole patch of 32 pixels would not be seen.
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        out_indices=(1, 2, 3),
        norm_eval=True,  # 2 images per GPU
    ),
    neck=dict(in_channels=[128, 320, 512]),
)
