# UniFormer-S at 448x320.
_base_ = 'td-hm_uniformer-s_210e_coco-256x192.py'

# sigma is 3 as at 384x288, not scaled with the size.
codec = dict(
    type='MSRAHeatmap', input_size=(320, 448), heatmap_size=(80, 112), sigma=3
)
model = dict(head=dict(decoder=codec))
train_pipeline = [
    *_base_.augmentation,
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='GenerateTarget', encoder=codec),
    dict(type='PackPoseInputs'),
]
val_pipeline = [
    dict(type='LoadImage'),
    dict(type='GetBBoxCenterScale'),
    dict(type='TopdownAffine', input_size=codec['input_size']),
    dict(type='PackPoseInputs'),
]
# 8 GPUs x 64 boxes = 512; 2e-3 per 1024, as everywhere, is 1e-3
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=val_pipeline))
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=512)
optim_wrapper = dict(optimizer=dict(lr=1e-3))
