_base_ = 'token-labeling_uniformer-s_310e_in1k.py'

model = dict(backbone=dict(arch='base', drop_path_rate=0.3))
