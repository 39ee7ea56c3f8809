# UniFormer-XXS for clips, half of its loss on the class token.
_base_ = 'uniformer-s.py'

model = dict(
    backbone=dict(
        type='uniformer_mm.UniFormerLight',
        arch='xxs',
        drop_path_rate=0.05,
        with_cp=[0, 0, 4, 0],  # the first half of stage 3
        out_cls_token=True,
        init_cfg=dict(checkpoint='uniformer-xxs-160_in1k'),
    ),
    neck=dict(
        type='uniformer_mm.ClassTokenNeck',  # training alone
        in_channels=448,
        num_classes=400,
        loss_weight=0.5,
        label_smooth_eps=0.1,
    ),
    cls_head=dict(
        in_channels=448,
        loss_cls=dict(type='CrossEntropyLoss', loss_weight=0.5),
    ),
)
