# UperNet on UniFormer-S; what stage 3 attends to is the leaf's.
_base_ = 'mmseg::_base_/models/upernet_swin.py'

# Crops are padded after normalisation, with 0 and the ignored label 255;
# images of the test are not padded.
data_preprocessor = dict(size=(512, 512))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        _delete_=True,
        type='uniformer_mm.UniFormer',
        arch='small',
        drop_path_rate=0.25,
        # NOTE: batch norm is trained and keeps its statistics, 2 images per
        # GPU, as in the paper; its authors say freezing helps a little:
        # upernet_uniformer-s-h14_160k_ade20k_frozen-bn.py.
        norm_eval=False,
        # The plain ImageNet-1K weights, 82.9 top-1: no token labelling.
        init_cfg=dict(
            type='uniformer_mm.UniFormerPretrained',
            checkpoint='uniformer-small_in1k',
        ),
    ),
    decode_head=dict(in_channels=[64, 128, 320, 512], num_classes=150),
    auxiliary_head=dict(in_channels=320, num_classes=150),  # stage 3
)
