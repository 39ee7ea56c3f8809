_base_ = 'uniformer-s_32_60e_sthv1_prek400.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.6,
        init_cfg=dict(checkpoint='uniformer-base_k400_16x4'),
    )
)
