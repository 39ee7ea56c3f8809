_base_ = 'uniformer-s_16x4_110e_k600.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.3,
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)

# 8 GPUs x 5 videos = 40
train_dataloader = dict(batch_size=5)
optim_wrapper = dict(optimizer=dict(lr=1.25e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 1.25e-4
auto_scale_lr = dict(base_batch_size=40)
