# RTMPose, which is SimCC with more in the head; needs mmdet beside mmpose. Its
# authors' recipe, without the blur and the holes in images for which they use
# the package albumentations.
_base_ = [
    'mmpose::body_2d_keypoint/rtmpose/coco/'
    'rtmpose-m_8xb256-420e_coco-256x192.py',
    '../_base_/uniformer-s.py',
    '../_base_/runtime.py',
]

# The authors start from weights that know keypoints, here from ImageNet's.
model = dict(
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        attention='global',
        out_indices=(3,),  # the head reads no other map
        drop_path_rate=0.2,
    ),
    head=dict(in_channels=512),
)

train_pipeline, train_pipeline_stage2 = (
    [step for step in pipeline if step['type'] != 'Albumentation']
    for pipeline in (_base_.train_pipeline, _base_.train_pipeline_stage2)
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
custom_hooks = [
    dict(
        type='EMAHook',
        ema_type='ExpMomentumEMA',
        momentum=0.0002,
        update_buffers=True,
        priority=49,
    ),
    dict(
        type='mmdet.PipelineSwitchHook',
        switch_epoch=390,
        switch_pipeline=train_pipeline_stage2,
    ),
]
# 8 GPUs x 256 boxes = 2048; the base's 4e-3 is 2e-3 per 1024, as in the paper.
auto_scale_lr = dict(base_batch_size=2048)
