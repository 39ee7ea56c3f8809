# Learning rates fall with depth, by 0.9 per block from the paper's at the top.
# Everything is decayed, as in the paper.
_base_ = 'td-hm_uniformer-s_210e_coco-256x192.py'

optim_wrapper = dict(
    constructor='uniformer_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9, decay_groups='everything'),
)
