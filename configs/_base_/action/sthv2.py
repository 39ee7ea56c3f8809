# Something-Something V2, as V1. Extract the frames at 30 per second.
#   data/sthv2/sthv2_{train,val}_list_rawframes.txt  `FOLDER FRAMES LABEL`
#   data/sthv2/rawframes/FOLDER/img_00001.jpg ...
_base_ = 'sthv1.py'

data_root = 'data/sthv2/'
filename_tmpl = 'img_{:05}.jpg'
train_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='sthv2_train_list_rawframes.txt',
        filename_tmpl=filename_tmpl,
    )
)
val_dataloader = dict(
    dataset=dict(
        data_root=data_root,
        ann_file='sthv2_val_list_rawframes.txt',
        filename_tmpl=filename_tmpl,
    )
)
test_dataloader = val_dataloader
