# CID, bottom-up: it finds people and their keypoints at once. Its authors'
# schedule, with AdamW for Adam.
_base_ = [
    'mmpose::body_2d_keypoint/cid/coco/'
    'cid_hrnet-w32_8xb20-140e_coco-512x512.py',
    '../_base_/uniformer-s.py',
    '../_base_/runtime.py',
]

model = dict(
    backbone=dict(
        _delete_=True,
        **_base_.uniformer_s,
        attention='global',
        drop_path_rate=0.2,
    ),
    head=dict(in_channels=64 + 128 + 320 + 512),  # concatenated at stride 4
)
# The head has its authors' rate, the backbone about the paper's 2e-3 per 1024
# for 8 GPUs x 20 images = 160.
optim_wrapper = dict(
    optimizer=dict(type='AdamW', lr=1e-3, weight_decay=0.01),
    paramwise_cfg=dict(custom_keys=dict(backbone=dict(lr_mult=0.3))),
)
