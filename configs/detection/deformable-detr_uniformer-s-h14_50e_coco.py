# Deformable DETR. Its authors' recipe, 50 epochs on 16 GPUs x 2 images, with a
# tenth of the learning rate for the backbone.
_base_ = [
    'mmdet::deformable_detr/deformable-detr_r50_16xb2-50e_coco.py',
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
