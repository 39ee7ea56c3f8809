_base_ = 'uniformer-s_16x4_110e_k600.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.3,
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)

# 32 frames of a window of 128.
train_pipeline = _base_.train_pipeline
train_pipeline[1].clip_len = 32
val_pipeline = _base_.val_pipeline
val_pipeline[1].clip_len = 32
test_pipeline = _base_.test_pipeline
test_pipeline[1].clip_len = 32

# NOTE: 4 nodes x 8 GPUs x 4 videos = 128: the official code takes 32 videos
# per node, and multiplies its 1e-4 by the nodes.
train_dataloader = dict(batch_size=4, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
auto_scale_lr = dict(base_batch_size=128)
