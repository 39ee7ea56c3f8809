# Starts from token-labelled weights, 83.4 top-1, which the paper's authors
# recommend for downstream tasks. The ones with heads of 64, as here.
_base_ = 'upernet_uniformer-s-h14_160k_ade20k.py'

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='uniformer-small-dim64_tl-224'))
)
