"""Full length of the segmenters' trainings; known without importing them."""

#: Steps of ``unet``.
STEPS = 25_000
#: Epochs of ``nnunet``, and training and validation iterations of each: nnU-Net's own.
EPOCHS, ITERATIONS, VALIDATION = 1000, 250, 50
