# The main Cascade Mask R-CNN on the drawn shapes of
# `uniformer-mm toy-data data/toy`: minutes on two CPU cores.
_base_ = [
    '../_base_/detection/cascade-mask-rcnn_uniformer-s-h14.py',
    '../_base_/detection/toy.py',
]

model = dict(
    backbone=dict(init_cfg=None),
    roi_head=dict(
        bbox_head=[
            {**head, 'num_classes': 3}
            for head in _base_.model.roi_head.bbox_head
        ],
        mask_head=dict(num_classes=3),
    ),
    train_cfg=dict(
        rcnn=[
            {**cfg, 'sampler': {**cfg['sampler'], 'num': 32}}
            for cfg in _base_.model.train_cfg.rcnn
        ]
    ),
    test_cfg=dict(rcnn=dict(max_per_img=20)),
)
