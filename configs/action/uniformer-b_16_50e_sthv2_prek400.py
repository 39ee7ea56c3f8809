_base_ = 'uniformer-s_16_50e_sthv2_prek400.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.4,
        init_cfg=dict(checkpoint='uniformer-base_k400_16x4'),
    )
)

# 8 GPUs x 5 videos = 40; the learning rate per video is that of S.
train_dataloader = dict(batch_size=5)
optim_wrapper = dict(optimizer=dict(lr=2.5e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 2.5e-4
auto_scale_lr = dict(base_batch_size=40)
