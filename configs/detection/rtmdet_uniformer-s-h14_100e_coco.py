# RTMDet-l. The recipe that mmdet has for it on Swin, 100 epochs.
_base_ = [
    'mmdet::rtmdet/rtmdet_l_swin_b_4xb32-100e_coco.py',
    '../_base_/detection/uniformer-s-h14.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        out_indices=(1, 2, 3),
    ),
    neck=dict(in_channels=[128, 320, 512]),
)
