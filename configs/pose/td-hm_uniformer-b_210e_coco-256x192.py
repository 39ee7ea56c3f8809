# UniFormer-B at 256x192.
_base_ = 'td-hm_uniformer-s_210e_coco-256x192.py'

model = dict(
    backbone=dict(
        arch='base',
        drop_path_rate=0.4,
        init_cfg=dict(checkpoint='uniformer-base_in1k'),
    )
)
