_base_ = [
    '../_base_/action/uniformer-s.py',
    '../_base_/action/kinetics400.py',
    '../_base_/action/schedule_110e.py',
    '../_base_/runtime.py',
]
