# ImageNet-1K for light models: larger batches, and each picture once.
_base_ = 'imagenet.py'

# 8 GPUs x 512 = 4096
train_dataloader = dict(
    batch_size=512,
    sampler=dict(_delete_=True, type='DefaultSampler', shuffle=True),
)
val_dataloader = dict(batch_size=768)
test_dataloader = val_dataloader
