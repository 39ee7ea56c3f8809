_base_ = 'uniformer-xxs_4_110e_k400-128.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='uniformer-xxs-160_in1k')))

train_pipeline = _base_.train_pipeline
train_pipeline[3].transforms[2].scale = (160, 160)
val_pipeline = _base_.val_pipeline
val_pipeline[3].scale = 160
val_pipeline[4].crop_size = 160
test_pipeline = val_pipeline

# 4 GPUs x 64 videos = 256
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(dataset=dict(pipeline=test_pipeline))
