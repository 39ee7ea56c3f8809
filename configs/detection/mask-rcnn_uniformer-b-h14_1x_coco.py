_base_ = 'mask-rcnn_uniformer-s-h14_1x_coco.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.3,
        with_cp=False,
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)
