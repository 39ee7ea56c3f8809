_base_ = [
    '../_base_/detection/mask-rcnn_uniformer-s-h14.py',
    'mmdet::_base_/datasets/coco_instance.py',
    '../_base_/detection/schedule_1x.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        drop_path_rate=0.2,
        with_cp=[0, 0, 8, 0],  # all of stage 3
    )
)
