_base_ = [
    '../_base_/detection/mask-rcnn_uniformer-s-h14.py',
    '../_base_/detection/coco_3x-ms.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        drop_path_rate=0.1,  # less than the 0.2 of 1x
        with_cp=[0, 0, 8, 0],
    )
)
