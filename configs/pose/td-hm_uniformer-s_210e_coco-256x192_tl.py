# Starts from token-labelled weights, 83.4 top-1, which the paper's authors
# recommend for downstream tasks. The ones with heads of 64, as here.
_base_ = 'td-hm_uniformer-s_210e_coco-256x192.py'

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-small-dim64_tl-224'))
)
