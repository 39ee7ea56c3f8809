# RTMDet-l, 100 epochs: mmdet's recipe for it on Swin, with our backbone.
_base_ = [
    'mmdet::rtmdet/rtmdet_l_swin_b_4xb32-100e_coco.py',
    '../_base_/uniformer-s.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        attention='hybrid',
        window_size=14,
        out_indices=(1, 2, 3),
        drop_path_rate=0.2,
        with_cp=[0, 0, 8, 0],  # all of stage 3
    ),
    neck=dict(in_channels=[128, 320, 512]),
)
