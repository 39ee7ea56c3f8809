_base_ = 'uniformer-s_32x4_110e_k400.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.3,
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)
