# UniFormer-S, token-labelled, heads of 32 channels; MixToken instead of mixup.
_base_ = 'uniformer-s.py'

# NOTE: mean and deviation are not stated. The pinned timm 0.4.12 has 127.5 for
# all, timm 0.4.5, which the code is from, those of ImageNet, as here.
# `uniformer-mm verify NAME --data DIR` tests with both, and tells which fits.
model = dict(
    backbone=dict(
        type='uniformer_mm.MixTokenUniFormer', head_dim=32, as_tuple=False
    ),
    neck=None,
    head=dict(
        _delete_=True,
        type='uniformer_mm.TokenLabelClsHead',
        num_classes=1000,
        in_channels=512,
        label_smooth_eps=0.1,
    ),
    train_cfg=None,
)
