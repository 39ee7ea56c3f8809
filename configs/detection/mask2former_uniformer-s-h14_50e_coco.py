# Mask2Former for instances. Its authors' recipe, 50 epochs, with a tenth of
# the learning rate for the backbone.
_base_ = [
    'mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py',
    '../_base_/detection/uniformer-s-h14.py',
    '../_base_/mask2former_rates.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        norm_eval=True,  # 2 images per GPU
    ),
    panoptic_head=dict(in_channels=[64, 128, 320, 512]),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=_base_.custom_keys))
# The base, a panoptic config, would look for panoptic images too.
train_dataloader = dict(
    dataset=dict(data_prefix=dict(_delete_=True, img='train2017/'))
)
val_dataloader = dict(
    dataset=dict(data_prefix=dict(_delete_=True, img='val2017/'))
)
test_dataloader = val_dataloader
