# Mask R-CNN on UniFormer-XXS; drop path is the leaf's.
_base_ = 'mmdet::_base_/models/mask-rcnn_r50_fpn.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormerLight',
        arch='xxs',
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-xxs-224_in1k',
        ),
    ),
    neck=dict(in_channels=[56, 112, 224, 448]),
)
