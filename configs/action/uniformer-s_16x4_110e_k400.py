_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/kinetics400_dense.py',
    '../_base_/action/schedule_110e.py',
]
