_base_ = 'uniformer-s_16x4_110e_k400.py'

# 32 frames of a window of 128.
train_pipeline = _base_.train_pipeline
train_pipeline[1].clip_len = 32
val_pipeline = _base_.val_pipeline
val_pipeline[1].clip_len = 32
test_pipeline = _base_.test_pipeline
test_pipeline[1].clip_len = 32

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
