_base_ = 'uniformer-xxs_16_110e_k400-160.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='uniformer-xxs-128_in1k')))

train_pipeline = _base_.train_pipeline
train_pipeline[3].transforms[2].scale = (128, 128)
val_pipeline = _base_.val_pipeline
val_pipeline[3].scale = 128
val_pipeline[4].crop_size = 128
test_pipeline = val_pipeline

train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
