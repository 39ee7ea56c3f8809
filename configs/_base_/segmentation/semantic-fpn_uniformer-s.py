# Semantic FPN on UniFormer-S; what stage 3 attends to is the leaf's.
_base_ = 'mmseg::_base_/models/fpn_r50.py'

# Crops are padded after normalisation, with 0 and the ignored label 255;
# images of the test are not padded.
data_preprocessor = dict(size=(512, 512))
model = dict(
    data_preprocessor=data_preprocessor,
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormer',
        arch='small',
        drop_path_rate=0.1,
        # NOTE: batch norm is trained and keeps its statistics per GPU, as in
        # the paper; only the head's is synchronised.
        norm_eval=False,
        # The plain ImageNet-1K weights, 82.9 top-1: no token labelling.
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    neck=dict(in_channels=[64, 128, 320, 512]),
    decode_head=dict(num_classes=150),
)
