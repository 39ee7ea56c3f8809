_base_ = 'upernet_uniformer-s_160k_ade20k.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.4,
        with_cp=[0, 0, 2, 0],
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)
