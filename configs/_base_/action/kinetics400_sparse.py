# Kinetics-400 for light models: 16 frames, one from each sixteenth of the
# video, 160 px; test with one view.
_base_ = 'kinetics400_dense.py'

# NOTE: the official rule is not known: the released loader calls for one that
# the released decoder has not. This is that of Something-Something.
train_pipeline = _base_.train_pipeline
train_pipeline[1] = dict(type='UniformSample', clip_len=16)
train_pipeline[3].transforms[0].policy = 'rand-m5-n2-mstd0.25'
train_pipeline[3].transforms[2].scale = (160, 160)
val_pipeline = _base_.val_pipeline
val_pipeline[1] = dict(type='UniformSample', clip_len=16, test_mode=True)
val_pipeline[3].scale = 160
val_pipeline[4].crop_size = 160
test_pipeline = val_pipeline

train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = dict(batch_size=8, dataset=dict(pipeline=test_pipeline))
