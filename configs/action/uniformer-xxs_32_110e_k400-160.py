_base_ = 'uniformer-xxs_16_110e_k400-160.py'

sample = dict(type='UniformSample', clip_len=32)
train_pipeline = [_base_.init, sample, *_base_.augment]
val_pipeline = [_base_.init, dict(sample, test_mode=True), *_base_.view]
test_pipeline = val_pipeline
del sample

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
