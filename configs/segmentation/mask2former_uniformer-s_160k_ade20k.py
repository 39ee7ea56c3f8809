# Mask2Former; needs mmdet beside mmseg. Its authors' recipe, with a tenth of
# the learning rate for the backbone.
_base_ = [
    'mmseg::mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py',
    '../_base_/uniformer-s.py',
    '../_base_/mask2former_rates.py',
]

# What runtime.py sets: of two bases only one may import.
custom_imports = dict(
    imports=['mmdet.models', 'uniformer_mm'], allow_failed_imports=False
)
runner_type = 'uniformer_mm.DataCheckRunner'

model = dict(
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        attention='global',
        drop_path_rate=0.25,
        norm_eval=True,  # 2 images per GPU
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512]),
)
optim_wrapper = dict(paramwise_cfg=dict(custom_keys=_base_.custom_keys))
