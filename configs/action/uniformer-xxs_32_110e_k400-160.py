_base_ = 'uniformer-xxs_16_110e_k400-160.py'

train_pipeline = _base_.train_pipeline
train_pipeline[1].clip_len = 32
val_pipeline = _base_.val_pipeline
val_pipeline[1].clip_len = 32
test_pipeline = val_pipeline

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
