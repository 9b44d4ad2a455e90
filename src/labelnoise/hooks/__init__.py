"""Label noise inside training loops: one module a framework, which it alone imports.

`labelnoise.hooks.dataset` wraps any map-style dataset; `monai`, `torchio`, `batchgenerators`
(nnU-Net), `albumentations` and `torchvision` hold transforms of those frameworks.
"""
