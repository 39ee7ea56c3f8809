_base_ = 'mask-rcnn_uniformer-xxs_1x_coco.py'

model = dict(
    backbone=dict(
        arch='xs',
        drop_path_rate=0.15,
        init_cfg=dict(checkpoint='uniformer-xs-224_in1k'),
    ),
    neck=dict(in_channels=[64, 128, 256, 512]),
)
