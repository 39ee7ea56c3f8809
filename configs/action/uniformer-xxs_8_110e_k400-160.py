_base_ = 'uniformer-xxs_16_110e_k400-160.py'

sample = dict(type='UniformSample', clip_len=8)
train_pipeline = [_base_.init, sample, *_base_.augment]
val_pipeline = [_base_.init, dict(sample, test_mode=True), *_base_.view]
test_pipeline = val_pipeline
del sample

# 4 GPUs x 64 videos = 256
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))

optim_wrapper = dict(optimizer=dict(lr=4e-4))
_base_.param_scheduler[0].start_factor = 1e-6 / 4e-4
