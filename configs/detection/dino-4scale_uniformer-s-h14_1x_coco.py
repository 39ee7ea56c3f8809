# DINO with four scales, 12 epochs: mmdet's recipe with our backbone, and a
# tenth of the learning rate for it.
_base_ = [
    'mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py',
    '../_base_/uniformer-s.py',
    '../_base_/runtime.py',
]

model = dict(
    # Of what no patch of 32 pixels covers, nothing is seen.
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        attention='hybrid',
        window_size=14,
        out_indices=(1, 2, 3),
        drop_path_rate=0.2,
        norm_eval=True,  # 2 images per GPU
        with_cp=[0, 0, 8, 0],  # all of stage 3
    ),
    neck=dict(in_channels=[128, 320, 512]),
)
