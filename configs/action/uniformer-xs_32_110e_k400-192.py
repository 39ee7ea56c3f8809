_base_ = 'uniformer-xxs_32_110e_k400-160.py'

model = dict(
    backbone=dict(
        arch='xs',
        drop_path_rate=0.1,
        init_cfg=dict(checkpoint='uniformer-xs-192_in1k'),
    ),
    neck=dict(in_channels=512),
    cls_head=dict(in_channels=512),
)

train_pipeline = _base_.train_pipeline
train_pipeline[3].transforms[0].policy = 'rand-m7-n4-mstd0.5-inc1'
train_pipeline[3].transforms[2].scale = (192, 192)
val_pipeline = _base_.val_pipeline
val_pipeline[3].scale = 192
val_pipeline[4].crop_size = 192
test_pipeline = val_pipeline

# 8 GPUs x 16 videos = 128; the learning rate per video is that of XXS.
train_dataloader = dict(batch_size=16, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4, weight_decay=0.05))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
auto_scale_lr = dict(base_batch_size=128)
