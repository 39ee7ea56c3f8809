# A template for Pascal VOC 07+12, in data/VOCdevkit: Faster R-CNN, boxes only.
_base_ = [
    'mmdet::_base_/models/faster-rcnn_r50_fpn.py',
    'mmdet::_base_/datasets/voc0712.py',
    '../_base_/detection/schedule_1x.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormer',
        arch='small',
        attention='hybrid',
        window_size=14,
        drop_path_rate=0.2,
        norm_eval=True,  # no paper's recipe to keep to: see ..._frozen-bn.py
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    neck=dict(in_channels=[64, 128, 320, 512]),
    roi_head=dict(bbox_head=dict(num_classes=20)),
)

# The data set is repeated 3 times: 4 epochs are 12.
train_cfg = dict(max_epochs=4)
param_scheduler = [
    _base_.param_scheduler[0],
    dict(_base_.param_scheduler[1], end=4, milestones=[3]),
]
