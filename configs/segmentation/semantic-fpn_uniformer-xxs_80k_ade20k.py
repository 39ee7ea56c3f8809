_base_ = 'semantic-fpn_uniformer-s_80k_ade20k.py'

model = dict(
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormerLight',
        arch='xxs',
        drop_path_rate=0.0,
        norm_eval=False,
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-xxs-224_in1k',
        ),
    ),
    neck=dict(in_channels=[56, 112, 224, 448]),
)
