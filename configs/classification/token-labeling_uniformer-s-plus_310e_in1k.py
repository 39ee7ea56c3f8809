_base_ = 'token-labeling_uniformer-s_310e_in1k.py'

model = dict(backbone=dict(arch='small_plus'))
