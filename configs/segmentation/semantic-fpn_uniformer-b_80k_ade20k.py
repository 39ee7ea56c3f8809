_base_ = 'semantic-fpn_uniformer-s_80k_ade20k.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.2,
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)
