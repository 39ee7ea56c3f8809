# UniFormer-XXS for pictures, half of its loss on the class token.
_base_ = 'uniformer-s.py'

model = dict(
    backbone=dict(
        type='uniformer_mm.UniFormerLight',
        arch='xxs',
        drop_path_rate=0.0,
        as_tuple=False,
        out_cls_token=True,
    ),
    neck=None,
    head=dict(
        _delete_=True,
        type='uniformer_mm.LightClsHead',
        num_classes=1000,
        in_channels=448,
        label_smooth_eps=0.1,
    ),
)
