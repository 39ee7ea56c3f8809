_base_ = 'uniformer-xxs_8_110e_k400-128.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1].clip_len = 4
val_pipeline = _base_.val_pipeline
val_pipeline[1].clip_len = 4
test_pipeline = val_pipeline

# 8 GPUs x 32 videos = 256
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
