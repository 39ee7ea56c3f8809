_base_ = 'semantic-fpn_uniformer-s_80k_ade20k.py'

# Blocks 3 and 7 of stage 3 global, the others in windows of 14 x 14 tokens:
# the stage-3 map of 224 px pre-training.
model = dict(backbone=dict(attention='hybrid', window_size=14))
