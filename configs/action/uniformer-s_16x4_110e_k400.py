# Paper: 80.8 top-1, 167 GFLOPs in 4 views.
_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/kinetics400_dense.py',
    '../_base_/action/schedule_110e.py',
]
