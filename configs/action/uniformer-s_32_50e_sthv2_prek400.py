# It starts from the 16-frame model: nothing depends on the number.
_base_ = 'uniformer-s_16_50e_sthv2_prek400.py'

train_pipeline = _base_.train_pipeline
train_pipeline[0].clip_len = 32
val_pipeline = _base_.val_pipeline
val_pipeline[0].clip_len = 32
test_pipeline = _base_.test_pipeline
test_pipeline[0].clip_len = 32

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
