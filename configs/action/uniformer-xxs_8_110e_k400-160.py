_base_ = 'uniformer-xxs_16_110e_k400-160.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1].clip_len = 8
val_pipeline = _base_.val_pipeline
val_pipeline[1].clip_len = 8
test_pipeline = val_pipeline

# 4 GPUs x 64 videos = 256
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
