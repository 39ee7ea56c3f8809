_base_ = 'uniformer-b_16_50e_sthv2_prek400.py'

model = dict(
    backbone=dict(
        drop_path_rate=0.5,
        init_cfg=dict(checkpoint='uniformer-base_k600_16x4'),
    )
)
