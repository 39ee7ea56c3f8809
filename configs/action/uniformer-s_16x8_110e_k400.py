_base_ = 'uniformer-s_16x4_110e_k400.py'

# 16 frames of a window of 128.
sample = dict(type='uniformer_mm.DenseSample', clip_len=16, frame_interval=8)
test_sample = dict(sample, test_mode=True)
train_pipeline = [_base_.init, sample, *_base_.augment]
val_pipeline = [_base_.init, test_sample, *_base_.view]
test_pipeline = [_base_.init, dict(test_sample, num_clips=4), *_base_.view]
del sample, test_sample

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
