# What `tools/test.py --tta` does: each photo at these multiples of `scale`, never mirrored; then its number alone, its
# digits at these shares of the height of `scale`. The boxes of all views are fused.
tta_scales = (0.8, 1.15)
tta_digits = (0.45, 0.6)
# Boxes under 0.01 change AP by less than 0.001, and fusing them would take over twice as long (12 instead of 4.5 ms).
tta_model = dict(type='ScaleFusion', iou_thr=0.6, score_thr=0.01, max_per_img=100)
