_base_ = 'semantic-fpn_uniformer-xxs_80k_ade20k.py'

model = dict(
    backbone=dict(
        arch='xs',
        drop_path_rate=0.1,
        init_cfg=dict(checkpoint='uniformer-xs-224_in1k'),
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
)
