# A template for LVIS v1, in data/lvis_v1; needs `pip install lvis`. The recipe
# is COCO's, the sampling and the limits of the test are mmdet's for LVIS.
_base_ = [
    '../_base_/detection/mask-rcnn_uniformer-s-h14.py',
    'mmdet::_base_/datasets/lvis_v1_instance.py',
    '../_base_/detection/schedule_1x.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(drop_path_rate=0.2, with_cp=[0, 0, 8, 0]),
    roi_head=dict(
        bbox_head=dict(num_classes=1203), mask_head=dict(num_classes=1203)
    ),
    test_cfg=dict(rcnn=dict(score_thr=0.0001, max_per_img=300)),
)
