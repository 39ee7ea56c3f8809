# The published number is that of the best epoch on the same videos: test the
# best checkpoint.
_base_ = [
    '../_base_/action/uniformer-xxs.py',
    '../_base_/action/kinetics400_light.py',
    '../_base_/action/schedule_110e_light.py',
    '../_base_/runtime.py',
]
