_base_ = [
    '../_base_/detection/mask-rcnn_uniformer-xxs.py',
    'mmdet::_base_/datasets/coco_instance.py',
    '../_base_/detection/schedule_1x.py',
    '../_base_/runtime.py',
]

model = dict(backbone=dict(drop_path_rate=0.0))
# The light models were trained in fp32: their token scores want it.
optim_wrapper = dict(type='OptimWrapper')
