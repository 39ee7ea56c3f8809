_base_ = 'cascade-mask-rcnn_uniformer-s-h14_3x-ms_coco.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.4,
        with_cp=[0, 0, 20, 0],
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)
